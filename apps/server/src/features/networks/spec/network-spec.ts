import type { HostSelector, NetworkPatch, NetworkPut, SubnetInput } from '@trunkline/contracts';
import { formatCidr, formatIp, parseCidr, tryParseIp } from '@trunkline/netaddr';
import { mergeMap } from '../../../platform/merge-patch.ts';

/** One subnet of a network as it should be. `cidr` and `gateway` are canonical once validated. */
export interface SubnetSpec {
  cidr: string;
  gateway: string | null;
  ranges: string[];
  exclude: string[];
}

/** All of a network that an operator can change. */
export interface NetworkSpec {
  parent: string | null;
  /** Another parent on some hosts, by host name. */
  parents: Record<string, string>;
  vlan: number | null;
  mode: 'bridge' | 'private' | 'vepa' | 'passthru';
  promiscuous: boolean;
  internal: boolean;
  /** MTU of the VLAN sub-interface, in bytes; null: the parent's. */
  mtu: number | null;
  /** Hosts are made to route. */
  forwarding: boolean;
  /** Containers that lost their interface are restarted. */
  restartBroken: boolean;
  hosts: HostSelector;
  subnets: SubnetSpec[];
  warm: number;
  quarantineSeconds: number;
  labels: Record<string, string>;
}

const subnetSpec = (input: SubnetInput): SubnetSpec => ({
  cidr: input.cidr,
  gateway: input.gateway ?? null,
  ranges: input.ranges ?? [],
  exclude: input.exclude ?? [],
});

/** The network a whole request describes: what it leaves out takes its default. */
export function wholeSpec(input: NetworkPut): NetworkSpec {
  return {
    parent: input.parent ?? null,
    parents: input.parents ?? {},
    vlan: input.vlan ?? null,
    mode: input.mode ?? 'bridge',
    promiscuous: input.promiscuous ?? true,
    internal: input.internal ?? false,
    mtu: input.mtu ?? null,
    forwarding: input.forwarding ?? false,
    restartBroken: input.restartBroken ?? false,
    hosts: input.hosts ?? { all: true },
    subnets: input.subnets.map(subnetSpec),
    warm: input.warm ?? 4,
    quarantineSeconds: input.quarantineSeconds ?? 300,
    labels: input.labels ?? {},
  };
}

/** The network after a merge patch (RFC 7396): absent keeps, null clears, lists are replaced whole. */
export function patchedSpec(current: NetworkSpec, patch: NetworkPatch): NetworkSpec {
  return {
    parent: patch.parent === undefined ? current.parent : patch.parent,
    parents: mergeMap(current.parents, patch.parents),
    vlan: patch.vlan === undefined ? current.vlan : patch.vlan,
    mode: patch.mode ?? current.mode,
    promiscuous: patch.promiscuous ?? current.promiscuous,
    internal: patch.internal ?? current.internal,
    mtu: patch.mtu === undefined ? current.mtu : patch.mtu,
    forwarding: patch.forwarding ?? current.forwarding,
    restartBroken: patch.restartBroken ?? current.restartBroken,
    hosts: patch.hosts ?? current.hosts,
    subnets: patch.subnets?.map(subnetSpec) ?? current.subnets,
    warm: patch.warm ?? current.warm,
    quarantineSeconds: patch.quarantineSeconds ?? current.quarantineSeconds,
    labels: mergeMap(current.labels, patch.labels),
  };
}

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
