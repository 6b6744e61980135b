import { networkSettings, type NetworkPatch, type NetworkPut, type SubnetInput } from '@trunkline/contracts';
import { formatCidr, formatIp, parseCidr, tryParseIp } from '@trunkline/netaddr';
import { patchedValues, wholeValues } from '../../../platform/settings.ts';
import type { NetworkSpec, SubnetSpec } from './network-fields.ts';

const subnetSpec = (input: SubnetInput): SubnetSpec => ({
  cidr: input.cidr,
  gateway: input.gateway ?? null,
  ranges: input.ranges ?? [],
  exclude: input.exclude ?? [],
});

/** The network a whole request describes: what it leaves out takes its default. */
export const wholeSpec = (input: NetworkPut): NetworkSpec => ({
  ...wholeValues(networkSettings, input),
  subnets: input.subnets.map(subnetSpec),
});

/** The network after a merge patch (RFC 7396): absent keeps, null clears, lists are replaced whole. */
export const patchedSpec = (current: NetworkSpec, patch: NetworkPatch): NetworkSpec => ({
  ...patchedValues(networkSettings, current, patch),
  subnets: patch.subnets?.map(subnetSpec) ?? current.subnets,
});

/** The same network with its addresses in canonical form, so that equal networks have equal texts. Takes a valid one. */
export function canonicalSpec(spec: NetworkSpec): NetworkSpec {
  return {
    ...spec,
    hosts: spec.hosts.names === undefined ? spec.hosts : { names: [...spec.hosts.names].sort() },
    subnets: spec.subnets.map((subnet) => {
      const gateway = subnet.gateway === null ? undefined : tryParseIp(subnet.gateway);
      return {
        ...subnet,
        cidr: formatCidr(parseCidr(subnet.cidr)),
        gateway: gateway === undefined ? null : formatIp(gateway),
      };
    }),
  };
}
