import { patient } from '@trunkline/lab/hosts/patience.ts';
import { createFleet } from '@trunkline/lab/fleet/fleet.ts';
import { calm, clearAll, type CalmDeps } from './calm.ts';
import { createHealth } from './health.ts';
import { kernelView } from './kernel-view.ts';
import { createLedger } from './ledger.ts';
import type { Violation } from './observation.ts';
import { createEdges } from './perform-edges.ts';
import { createPerformer } from './perform.ts';
import { planOf } from './plan.ts';
import { poolOf } from './pool.ts';
import { startRecorder } from './recorder.ts';
import { makeSecondNetwork } from './spare-links.ts';
import { createSteps } from './steps.ts';

/** What a run shall be. */
export interface ChaosSettings {
  readonly seed: number;
  readonly hosts: number;
  /** It ends after this many operations, or after `minutes`, whichever comes first. */
  readonly operations: number;
  readonly minutes: number;
  /** Length of the subnet's prefix, 20 to 28: the longer, the scarcer addresses are. */
  readonly prefix: number;
  /** Operations between two calms, about. */
  readonly between: number;
  /** Docker Engine of the hosts, as createLab takes it. */
  readonly engine?: string;
}

/** What came of it. */
export interface ChaosResult {
  readonly violations: readonly Violation[];
  /** The first violation and what led to it; empty when all held. */
  readonly story: readonly string[];
  /** How often each operation went how, such as `run ok`. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly operations: number;
  readonly looks: number;
  readonly books: number;
  /** Last lines of server and agents; empty when all held. */
  readonly logs: string;
}

const network = 'chaos';
const warm = 4;
const quarantineSeconds = 5;
const perHost = 6;
const macs = ['02:42:c0:00:00:01', '02:42:c0:00:00:02'];
/** The grace for an address that Docker was given and no container is seen on: shorter than usual, so that calms are. */
const agentEnv = { TRUNKLINE_LEAK_SECONDS: '20' };

/** One run on a fleet of its own. Throws when the harness itself fails. `show` takes it line by line. */
export async function chaos(settings: ChaosSettings, show: (line: string) => void): Promise<ChaosResult> {
  const name = `chaos-${String(process.pid)}`;
  const engine = settings.engine === undefined ? {} : { engine: settings.engine };
  await using fleet = await createFleet({ hosts: settings.hosts, name, ...engine, agentEnv, log: show });
  const pool = poolOf(settings.prefix);
  const subnets = [{ cidr: pool.cidr, gateway: pool.gateway }];
  await fleet.client.networks.create(
    { name: network, parent: 'ens33', hosts: { all: true }, subnets, warm, quarantineSeconds },
    { wait: '60s' },
  );
  for (const host of fleet.lab.hosts) await makeSecondNetwork(host, network, pool);
  const hosts = fleet.lab.hosts.map((host) => host.name);
  const view = kernelView(fleet.lab);
  const recorder = startRecorder(view, fleet.client, network, pool.addresses, show);
  const { checker } = recorder;
  const foreign = new Set<string>();
  const losers = new Map<string, { readonly host: string; readonly container: string }>();
  const edges = createEdges(fleet, network, {
    pool,
    forbid: (ip, why, inMs) => checker.forbid(ip, why, recorder.now() + patient(inMs)),
    allow: checker.allow,
    excuse: (ip) => {
      checker.excuse(ip);
      for (const { host, container, ip: has } of view.live())
        if (has === ip) losers.set(container, { host, container: view.nameOf(container) });
    },
    excuseComing: (ip, withinMs) => {
      checker.excuseComing(ip, recorder.now(), recorder.now() + patient(withinMs));
    },
    foreign: (ip) => foreign.add(ip),
    distrustBook: () => checker.trustBook(false),
  });
  const deps: CalmDeps = {
    fleet,
    network,
    view,
    ledger: createLedger(),
    undoClones: edges.undoClones,
    undoEdges: edges.undo,
    losers: () => [...losers.values()],
    foreign,
    now: () => recorder.now(),
  };
  const health = createHealth(hosts);
  const idOf = (container: string): string | undefined =>
    view.containers().find((one) => view.nameOf(one.container) === container)?.container;
  const perform = createPerformer(fleet, network, view, idOf, edges);
  const steps = createSteps({ perform, health, ledger: deps.ledger, recorder });
  // Spread, so that some of them lie in warm pools; few, so that several ask for one.
  const every = Math.ceil(pool.addresses.length / 8);
  const byName = pool.addresses.filter((_, index) => index % every === every - 1);
  const plan = planOf({ seed: settings.seed, hosts, byName, macs, perHost, between: settings.between });
  const held = (): boolean => recorder.violations.length === 0;

  async function rest(look: typeof calm): Promise<void> {
    recorder.note('calm begins', {}, true);
    const began = recorder.now();
    const found = await look(deps);
    recorder.report(found);
    losers.clear();
    checker.trustBook(true);
    health.proven(warm);
    const took = `${((recorder.now() - began) / 1000).toFixed(1)} s`;
    if (found.length === 0) recorder.note(`calm: all settled after ${took}`, {}, true);
  }

  try {
    await rest(calm);
    while (held() && steps.count < settings.operations && recorder.now() < settings.minutes * 60_000) {
      const step = plan.next().value;
      if (step.calm) await rest(calm);
      if (held()) await steps.take(step);
    }
    if (held()) await rest(calm);
    if (held()) await rest(clearAll);
  } finally {
    await recorder.stop();
    await edges.close();
  }
  const { violations, counts } = recorder;
  const [first] = violations;
  return {
    violations,
    story: first === undefined ? [] : recorder.story(first),
    outcomes: steps.outcomes,
    operations: steps.count,
    ...counts,
    logs: first === undefined ? '' : fleet.logs(60),
  };
}
