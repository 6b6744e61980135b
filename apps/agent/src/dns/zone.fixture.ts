import type { NamedOne } from '../names/names-plan.ts';
import type { ZoneNetwork } from './zone.ts';

/** A network with names: mac_net1 on 172.16.100.0/24 unless said. */
export function namedNetwork(containers: NamedOne[], change: Partial<ZoneNetwork> = {}): ZoneNetwork {
  const name = change.name ?? 'mac_net1';
  return { id: name, name, containers, subnets: ['172.16.100.0/24'], isComplete: true, ...change };
}
