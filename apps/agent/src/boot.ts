import { messageOf } from '@trunkline/log';
import type { BootProblem, DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { Kernel } from './host/kernel.ts';
import type { Links } from './host/links.ts';
import { applyLinkSteps, type LinkApplyDeps } from './reconcile/apply.ts';
import type { ConditionDraft } from './plan/conditions.ts';
import { servingBook, type Observed } from './observation/observed.ts';
import type { Permissions } from './observation/permissions.ts';
import { planLink, type LinkPlan } from './plan/plan-link.ts';
import { touchesLinks, type LinkStep } from './plan/steps.ts';
import { createWaker } from './lib/waker.ts';
import type { Timing } from './lib/timing.ts';
import { wholeWire } from './observation/wire-state.ts';

/** What the boot stage works with. */
export interface BootDeps {
  /** What this host should be, read from its own disk; null where that is not known. */
  readonly desired: DesiredDocument | null;
  readonly links: LinkApplyDeps['links'] & Pick<Links, 'list'>;
  readonly kernel: LinkApplyDeps['kernel'] & Pick<Kernel, 'observe'>;
  /** What the agent may do on this host. */
  readonly permitted: Permissions;
  /** Calls `onChange` when something about the links changed, until aborted. */
  readonly watch: (onChange: () => void, signal: AbortSignal) => Promise<void>;
  readonly timing: Pick<Timing, 'now' | 'delay'>;
  readonly log: Logger;
}

/** The result of the boot stage, by names of networks. */
export interface BootResult {
  readonly ready: readonly string[];
  readonly failed: readonly {
    readonly network: string;
    readonly reason: BootProblem;
    readonly message: string;
  }[];
}

/** Bound over everything, in milliseconds: Docker waits for the boot stage. */
export const maxBootMs = 30_000;
/** How long a parent may take to appear (a driver that is slow, a bond that is made by the network's own start). */
export const parentWaitMs = 15_000;
/** How often a default route is looked for, in milliseconds. Changes of links end the wait at once. */
const pollMs = 500;
/** How often the steps of one network, or a look, may fail. */
const maxTries = 3;

interface Open {
  readonly network: DesiredNetwork;
  tries: number;
  problem: Problem;
}
interface Problem {
  readonly reason: BootProblem;
  readonly message: string;
}

/**
 * Puts the links of every network that should be here back: sub-interfaces, parents up, promiscuous mode, modules,
 * forwarding, shims. Needs neither server nor Docker, and takes nothing away. An obstacle for one network stops no other. Ends within
 * {@link maxBootMs}. Never fails: what failed is in the result.
 */
export async function runBoot(deps: BootDeps, signal: AbortSignal): Promise<BootResult> {
  const { desired, timing } = deps;
  const ready: string[] = [];
  const failed: BootResult['failed'][number][] = [];
  const networks = desired?.networks ?? [];
  const unseen: Problem = { reason: 'NotLookedAt', message: 'nobody could look at the links in time' };
  const open = new Map<string, Open>(
    networks
      .filter(({ state }) => state === 'present')
      .map((network) => [network.id, { network, tries: 0, problem: unseen }]),
  );
  if (open.size === 0) return { ready, failed };

  const ended = new AbortController();
  const until = AbortSignal.any([signal, ended.signal]);
  const parentsUntil = timing.now() + parentWaitMs;
  const waker = createWaker();

  async function look(): Promise<Observed> {
    const [links, kernel] = await Promise.all([deps.links.list(), deps.kernel.observe()]);
    const docker = { reachable: false, message: 'Docker starts after the boot stage' } as const;
    return {
      at: timing.now(),
      links,
      defaultRoute: kernel.defaultRoutes[0] ?? null,
      kernel,
      docker,
      adopted: {},
      detached: {},
      linksToRestore: {},
      wire: wholeWire,
      book: servingBook,
      permitted: deps.permitted,
    };
  }

  function giveUp({ network, problem }: Open): void {
    open.delete(network.id);
    failed.push({ network: network.name, ...problem });
  }

  /** Restores one network as far as possible now; answers the last look. */
  async function restore(item: Open, seen: Observed): Promise<Observed> {
    let observed = seen;
    let plan = planLink(item.network, observed, networks);
    if (stepsOf(plan).length > 0) {
      const { done, failed: step } = await applyLinkSteps(stepsOf(plan), deps);
      if (done.length > 0) deps.log.info({ network: item.network.name, done }, 'link put back');
      if (step !== null) {
        item.problem = { reason: 'StepFailed', message: `${step.step.do}: ${messageOf(step.error)}` };
        item.tries += 1;
      }
      observed = await look();
      plan = planLink(item.network, observed, networks);
      if (step === null && stepsOf(plan).length > 0) {
        item.problem = { reason: 'DoesNotSettle', message: 'something undoes what the boot stage does' };
        item.tries += 1;
      }
    }
    settle(item, plan);
    return observed;
  }

  function settle(item: Open, plan: LinkPlan): void {
    if (stepsOf(plan).length > 0) {
      if (item.tries >= maxTries) giveUp(item);
    } else if (plan.usable) {
      open.delete(item.network.id);
      ready.push(item.network.name);
    } else {
      item.problem = obstacle(plan.conditions);
      const mayCome = item.problem.reason === 'ParentMissing' || item.problem.reason === 'NoDefaultRoute';
      if (!mayCome || timing.now() >= parentsUntil) giveUp(item);
    }
  }

  async function round(): Promise<void> {
    let observed = await look();
    for (const item of open.values()) {
      if (until.aborted) return;
      observed = await restore(item, observed);
    }
  }

  async function restoreAll(): Promise<void> {
    for (let failures = 0; open.size > 0 && !until.aborted;) {
      waker.reset();
      try {
        await round();
      } catch (error) {
        failures += 1;
        deps.log.warn({ err: error }, 'the links could not be looked at');
        for (const item of open.values()) item.problem = { reason: 'LookFailed', message: messageOf(error) };
        if (failures >= maxTries) return;
      }
      if (open.size > 0) await timing.delay(pollMs, AbortSignal.any([until, waker.any()]));
    }
  }

  try {
    void deps.watch(() => waker.wake('now'), until);
    await Promise.race([restoreAll(), timing.delay(maxBootMs, until)]);
  } finally {
    ended.abort();
  }
  for (const item of open.values()) giveUp(item);
  return { ready, failed };
}

/** All steps of a network below Docker. */
function stepsOf({ steps, shim }: LinkPlan): readonly LinkStep[] {
  return [...steps, ...shim.steps].filter(touchesLinks);
}

/** Why a link cannot be used: what is wrong with itself, or with its parent. */
function obstacle(conditions: readonly ConditionDraft[]): Problem {
  const failing = conditions.filter(({ status }) => status === 'False');
  const condition =
    failing.find((one) => one.type === 'LinkReady') ?? failing.find((one) => one.type === 'ParentReady');
  if (condition === undefined) return { reason: 'LinkNotUsable', message: 'its link is not usable' };
  return { reason: condition.reason, message: condition.message };
}
