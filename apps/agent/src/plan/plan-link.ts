import type { DesiredNetwork, OwnReasonOf } from '@trunkline/contracts';
import { conflictOfVlan, type Link } from '../host/links.ts';
import { fails, holds, mending, unknown, type ConditionDraft, type DraftOf } from './conditions.ts';
import { isMarked, linkAlias, vlanLinkName } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { everything, parentRefusal } from '../observation/permissions.ts';
import { whyHarmful } from './passthru-harm.ts';
import { planHostNetwork } from './plan-host-network.ts';
import { planMtu } from './plan-mtu.ts';
import { planShim, type ShimPlan } from './plan-shim.ts';
import type { Step } from './steps.ts';

/** What a network needs below Docker. */
export interface LinkPlan {
  /** The interface that the Docker network hangs on; null while the parent is not known. */
  readonly link: string | null;
  /** Whether the link will be there once the steps are done, so that a Docker network can be made on it. */
  readonly usable: boolean;
  readonly steps: readonly Step[];
  readonly conditions: readonly ConditionDraft[];
  /** The shim on the link. Its steps come after all others, which do without it. */
  readonly shim: ShimPlan;
}

/**
 * Parent, VLAN sub-interface, MTU, promiscuous mode and what the host's own networking needs. Pure; never takes anything
 * away. `others`: all networks of the document, to see who shares a link.
 */
export function planLink(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): LinkPlan {
  const name = network.parent ?? observed.defaultRoute;
  const existing = observed.links.map((link) => link.name).filter((one) => one !== 'lo');
  if (name === null) {
    return blocked(
      network,
      null,
      'NoDefaultRoute',
      `this host has no default route that would determine the parent: name an interface in parent or parents; it has: ${existing.join(', ') || 'none'}`,
    );
  }
  const refusal = parentRefusal(name, observed.permitted ?? everything);
  const parent = observed.links.find((link) => link.name === name);
  const link = network.vlan === null ? name : vlanLinkName(name, network.vlan);
  if (refusal !== null) return blocked(network, link, 'ParentNotAllowed', refusal);
  if (parent === undefined) {
    return blocked(
      network,
      link,
      'ParentMissing',
      `interface ${name} does not exist on this host; it has: ${existing.join(', ') || 'none'}`,
    );
  }
  const unusable = whyUnusable(parent);
  if (unusable !== null) return blocked(network, link, 'ParentUnusable', unusable);
  const harm = whyHarmful(network, link, observed);
  if (harm !== null) return blocked(network, link, 'HostNeedsParent', harm);

  const steps: Step[] = [];
  if (!parent.up) steps.push({ do: 'set-link-up', link: name, as: 'parent' });
  if (network.promiscuous && !parent.promiscuous) steps.push({ do: 'set-promiscuous', link: name });
  const vlan = network.vlan === null ? null : planVlan(network, network.vlan, parent, link, observed);
  const usable = vlan === null || vlan.usable;
  const mtu = usable ? planMtu(network, parent, link, observed, others) : { steps: [], conditions: [] };
  const host = planHostNetwork(network, observed, [name, link]);
  const shim = usable
    ? planShim(network, parent, link, observed)
    : { steps: [], problem: withoutLink(network, vlan?.condition) };
  return {
    link,
    usable,
    steps: [...steps, ...(vlan?.steps ?? []), ...mtu.steps, ...host.steps],
    conditions: [
      parentCondition(parent),
      ...(vlan === null ? [] : [vlan.condition]),
      ...mtu.conditions,
      ...(network.promiscuous ? [promiscuousCondition(parent)] : []),
      ...host.conditions,
    ],
    shim,
  };
}

function withoutLink(
  { hostAccess }: DesiredNetwork,
  why: DraftOf<'LinkReady'> | undefined,
): ConditionDraft | null {
  return hostAccess && why !== undefined ? unknown('HostAccess', why.reason, why.message) : null;
}

function blocked(
  network: DesiredNetwork,
  link: string | null,
  reason: OwnReasonOf<'ParentReady'>,
  message: string,
): LinkPlan {
  return {
    link,
    usable: false,
    steps: [],
    conditions: [
      fails('ParentReady', reason, message),
      ...(network.vlan === null ? [] : [unknown('LinkReady', reason, message)]),
      ...(network.promiscuous ? [unknown('Promiscuous', reason, message)] : []),
    ],
    shim: { steps: [], problem: network.hostAccess ? unknown('HostAccess', reason, message) : null },
  };
}

/** What the kernel refuses to put a macvlan on (drivers/net/macvlan.c, net/core/dev.c: one rx_handler a link). */
function whyUnusable(parent: Link): string | null {
  if (parent.name === 'lo') return 'lo cannot carry containers: name a NIC in parent';
  if (parent.master === null) return null;
  return `interface ${parent.name} is a port of ${parent.master} and cannot carry containers itself: name ${parent.master} as parent`;
}

function parentCondition(parent: Link): ConditionDraft {
  if (!parent.up)
    return mending('ParentReady', 'ParentDown', `interface ${parent.name} is down; it is being set up`);
  if (!parent.carrier) {
    return fails(
      'ParentReady',
      'ParentNoCarrier',
      `interface ${parent.name} is up but has no carrier: check cable and switch port`,
    );
  }
  return holds('ParentReady', 'ParentUp', `interface ${parent.name} is up`);
}

function promiscuousCondition(parent: Link): ConditionDraft {
  return parent.promiscuous
    ? holds('Promiscuous', 'PromiscuousOn', `interface ${parent.name} is promiscuous`)
    : mending(
        'Promiscuous',
        'PromiscuousOff',
        `interface ${parent.name} is not promiscuous; it is being set so`,
      );
}

/** The message where the kernel makes no VLAN links. */
export const noVlans =
  'the kernel of this host has no 802.1Q VLANs: install and load the module 8021q (modinfo 8021q, modprobe 8021q), or use a network without VLAN';

interface VlanPlan {
  readonly usable: boolean;
  readonly steps: readonly Step[];
  readonly condition: DraftOf<'LinkReady'>;
}

function planVlan(
  network: DesiredNetwork,
  vlan: number,
  parent: Link,
  name: string,
  observed: Observed,
): VlanPlan {
  const existing = observed.links.find((link) => link.name === name);
  const up: Step = { do: 'set-link-up', link: name, as: 'vlan' };
  const module = observed.kernel.modules['8021q'];
  if (existing === undefined && module === 'missing') {
    return { usable: false, steps: [], condition: fails('LinkReady', 'VlanUnsupported', noVlans) };
  }
  if (existing === undefined) {
    const load: Step[] = module === 'loadable' ? [{ do: 'load-module', module: '8021q' }] : [];
    const add: Step = { do: 'add-vlan', parent: parent.name, link: name, vlan, alias: linkAlias(network.id) };
    return {
      usable: true,
      steps: [...load, add, up],
      condition: mending('LinkReady', 'LinkMissing', `${name} does not exist yet; it is being created`),
    };
  }
  const conflict = conflictOfVlan(existing, { parent: parent.name, name, vlan });
  if (conflict !== null) {
    return {
      usable: false,
      steps: [],
      condition: fails(
        'LinkReady',
        'LinkConflict',
        `${name} is left alone: ${conflict}; rename it or choose another VLAN`,
      ),
    };
  }
  const ours = isMarked(existing.alias);
  return {
    usable: true,
    steps: existing.up ? [] : [up],
    condition: existing.up
      ? holds('LinkReady', ours ? 'LinkUp' : 'LinkAdopted', `${name} carries VLAN ${vlan} of ${parent.name}`)
      : mending('LinkReady', 'LinkDown', `${name} is down; it is being set up`),
  };
}
