import type { NamedOne } from '../names/names-plan.ts';
import type { ZoneNetwork } from './zone.ts';

/** A container on a network, as an agent knows it. */
export function named(name: string, change: Partial<NamedOne> = {}): NamedOne {
  return {
    host: 'docker02',
    isOwn: false,
    name,
    aliases: [],
    ipv4: '172.16.100.20',
    ipv6: null,
    since: 1000,
    ...change,
  };
}

/** A network with names: mac_net1 on 172.16.100.0/24 unless said. */
export function namedNetwork(containers: NamedOne[], change: Partial<ZoneNetwork> = {}): ZoneNetwork {
  const name = change.name ?? 'mac_net1';
  return { id: name, name, containers, subnets: ['172.16.100.0/24'], isComplete: true, ...change };
}
