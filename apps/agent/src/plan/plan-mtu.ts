import type { DesiredNetwork } from '@trunkline/contracts';
import type { Link } from '../host/links.ts';
import { fails, holds, mending, type ConditionDraft } from './conditions.ts';
import { usersOf } from './link-users.ts';
import { isMarked } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import type { Step } from './steps.ts';

/** What a network's MTU needs. */
export interface MtuPlan {
  readonly steps: readonly Step[];
  readonly conditions: readonly ConditionDraft[];
}

/**
 * The MTU of a VLAN sub-interface that we made: the largest that a network on it asks for, the parent's where none does,
 * and never above the parent's (net/8021q/vlan_dev.c refuses that). Neither a NIC nor a link that somebody else made is
 * changed: more than our networks may hang on it.
 */
export function planMtu(
  network: DesiredNetwork,
  parent: Link,
  linkName: string,
  observed: Observed,
  others: readonly DesiredNetwork[],
): MtuPlan {
  if (network.vlan === null) return { steps: [], conditions: untagged(network, parent) };
  const link = observed.links.find(({ name }) => name === linkName);
  const users = usersOf(
    linkName,
    [...others.filter(({ id }) => id !== network.id), network],
    observed.defaultRoute,
  );
  const asked = users.flatMap(({ mtu }) => (mtu === null ? [] : [mtu]));
  const wanted = Math.min(parent.mtu, asked.length === 0 ? parent.mtu : Math.max(...asked));
  const is = link?.mtu ?? parent.mtu;
  if (link !== undefined && !isMarked(link.alias)) return { steps: [], conditions: adopted(network, link) };
  const steps: Step[] = is === wanted ? [] : [{ do: 'set-mtu', link: linkName, mtu: wanted }];
  if (network.mtu !== null && network.mtu > parent.mtu) {
    return {
      steps,
      conditions: [
        fails(
          'MtuReady',
          'MtuAboveParent',
          `the requested MTU is ${network.mtu}, but ${parent.name} has ${parent.mtu}, and so has ${linkName}: raise the MTU of ${parent.name} (and of the switch), or lower that of the network`,
        ),
      ],
    };
  }
  if (steps.length > 0) {
    return {
      steps,
      conditions: [
        mending('MtuReady', 'MtuDiffers', `${linkName} has an MTU of ${is}; it is being set to ${wanted}`),
      ],
    };
  }
  return {
    steps,
    conditions:
      network.mtu === null ? [] : [holds('MtuReady', 'MtuSet', `${linkName} has an MTU of ${wanted}`)],
  };
}

function untagged(network: DesiredNetwork, parent: Link): ConditionDraft[] {
  if (network.mtu === null) return [];
  if (network.mtu === parent.mtu) {
    return [holds('MtuReady', 'MtuSet', `${parent.name} has an MTU of ${parent.mtu}`)];
  }
  return [
    fails(
      'MtuReady',
      'MtuOfParent',
      `an untagged network has the MTU of its parent: ${parent.name} has ${parent.mtu}, and ${network.mtu} is requested; set it by hand (ip link set dev ${parent.name} mtu ${network.mtu}), or use a VLAN`,
    ),
  ];
}

function adopted(network: DesiredNetwork, link: Link): ConditionDraft[] {
  if (network.mtu === null) return [];
  if (network.mtu === link.mtu) {
    return [holds('MtuReady', 'MtuSet', `${link.name} has an MTU of ${link.mtu}`)];
  }
  return [
    fails(
      'MtuReady',
      'MtuOfAdopted',
      `${link.name} existed before Trunkline and is left alone: it has an MTU of ${link.mtu}, and ${network.mtu} is requested; set it by hand (ip link set dev ${link.name} mtu ${network.mtu})`,
    ),
  ];
}
