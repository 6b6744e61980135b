import type { DesiredNetwork } from '@trunkline/contracts';
import { cidrsOverlap, parseCidr, type Cidr } from '@trunkline/netaddr';
import type { HostRoute } from '../host/kernel.ts';
import { advises, holds, mending, type ConditionDraft } from './conditions.ts';
import type { Observed } from '../observation/observed.ts';
import { isShim } from '../observation/shims.ts';
import type { Step } from './steps.ts';

/** What a network needs of the host's own networking. */
export interface HostNetworkPlan {
  readonly steps: readonly Step[];
  readonly conditions: readonly ConditionDraft[];
}

/** Forwarding where asked for, and whether the host itself knows the subnets from elsewhere. Pure. */
export function planHostNetwork(
  network: DesiredNetwork,
  observed: Observed,
  links: readonly string[],
): HostNetworkPlan {
  const forwarding = planForwarding(network, observed);
  return {
    steps: forwarding === null || forwarding.status === 'True' ? [] : [{ do: 'enable-forwarding' }],
    conditions: [...(forwarding === null ? [] : [forwarding]), routesCondition(network, observed, links)],
  };
}

function planForwarding(network: DesiredNetwork, { kernel }: Observed): ConditionDraft | null {
  if (!network.forwarding) return null;
  return kernel.forwarding.ipv4
    ? holds('Forwarding', 'ForwardingOn', 'this host forwards IPv4 (net.ipv4.ip_forward)')
    : mending(
        'Forwarding',
        'ForwardingOff',
        'this host does not forward IPv4; forwarding is being turned on',
      );
}

/**
 * A route of the host to the same addresses over another interface: containers work, but the host's own traffic to them
 * goes astray. `links`: where the network's own addresses may well be routed to.
 */
function routesCondition(
  network: DesiredNetwork,
  observed: Observed,
  links: readonly string[],
): ConditionDraft {
  const found = routesElsewhere(network, observed, links);
  if (found.length === 0) {
    return holds('RoutesClear', 'NoOtherRoute', 'the host has no conflicting route for its subnets');
  }
  const routed = found.map(({ cidr, link }) => `${cidr} over ${link}`).join(', ');
  return advises(
    'RoutesClear',
    'SubnetRoutedElsewhere',
    `this host routes ${routed}: its packets to containers of ${network.name} go there; choose another subnet, or remove the route`,
  );
}

/** The routes of the host that overlap a subnet of a network and lead over another interface than `links` and our shims. Pure. */
export function routesElsewhere(
  { subnets }: Pick<DesiredNetwork, 'subnets'>,
  { kernel, links: all }: Pick<Observed, 'kernel' | 'links'>,
  links: readonly string[],
): readonly HostRoute[] {
  const cidrs = subnets.flatMap(({ cidr }) => cidrOf(cidr));
  const shims = all.filter(isShim).map(({ name }) => name);
  return kernel.routes.filter(
    ({ cidr, link }) =>
      !links.includes(link) &&
      !shims.includes(link) &&
      cidrOf(cidr).some((route) => cidrs.some((subnet) => cidrsOverlap(route, subnet))),
  );
}

function cidrOf(text: string): Cidr[] {
  try {
    return [parseCidr(text)];
  } catch {
    return [];
  }
}
