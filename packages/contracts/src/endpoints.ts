import { Type, type Static } from 'typebox';
import { HostName, IpAddress, MacAddress, NetworkName, Timestamp } from './common.ts';
import { ContainerState } from './containers.ts';
import { Aliases } from './names.ts';
import { Closed, Described, Nullable } from './schema.ts';
import { SharedBy } from './stacks.ts';

export const Endpoint = Closed(
  {
    host: HostName,
    network: NetworkName,
    container: Type.String({
      maxLength: 255,
      description: 'Name of the container on its host.',
      examples: ['web'],
    }),
    dockerId: Type.String({
      maxLength: 128,
      description: "Docker's id of the container.",
      examples: ['8e2f4a…'],
    }),
    managed: Type.Boolean({
      description: 'Whether Trunkline runs it; false: another tool started it.',
      examples: [false],
    }),
    state: ContainerState,
    ipv4: Nullable(IpAddress, {
      description:
        'Its address; of a stopped container the address that it was created with (`--ip`), if any.',
      examples: ['172.16.100.10'],
    }),
    ipv6: Nullable(IpAddress, { description: 'As `ipv4`.', examples: [null] }),
    mac: Nullable(MacAddress, {
      description: 'Its Ethernet address on the network.',
      examples: ['02:42:ac:10:64:0a'],
    }),
    aliases: Described(Aliases, {
      description:
        'Names that it has on the network beside its own (`--network-alias`, compose services). Looked at on networks with `names` alone.',
      examples: [['web']],
    }),
    sharedBy: SharedBy,
    since: Described(Timestamp, {
      description: 'When its host first saw it in this state, running or not, with these addresses.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
    observedAt: Described(Timestamp, {
      description: 'When its host last looked.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { $id: 'Endpoint', description: 'A container seen on a network, whatever started it.' },
);
export type Endpoint = Static<typeof Endpoint>;
