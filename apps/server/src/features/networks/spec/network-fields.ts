import type { DesiredNetwork, networkSettings, SettingValues } from '@trunkline/contracts';

/** One subnet of a network as it should be. `cidr` and `gateway` are canonical once validated. */
export interface SubnetSpec {
  cidr: string;
  gateway: string | null;
  ranges: string[];
  exclude: string[];
}

/** All of a network that an operator can change. */
export type NetworkSpec = Omit<SettingValues<typeof networkSettings>, 'subnets'> & { subnets: SubnetSpec[] };

/**
 * When a change of a field means that Docker must replace the network: never, on every host, on the hosts where the
 * parent changes with it, or on every host after some changes of it only.
 */
export type Replacement<Value> =
  'never' | 'onEveryHost' | 'whereParentChanges' | ((before: Value, after: Value) => boolean);

/** What the server knows of one field of a network, beside its schemas (`networkSettings` of contracts). */
export interface NetworkField<Value, ForAgents extends boolean> {
  /** Its column, as Prisma names it; null: it has a table. */
  column: string | null;
  /** How agents' documents have it: as the column is, made in `desired-networks.ts`, or not at all. */
  document: ForAgents extends true ? 'column' | 'made' : 'none';
  replaces: Replacement<Value>;
}

/** The fields of a network form: one for each that it has, for agents where their document has it. */
export type FieldsOf<Spec, Document> = {
  readonly [K in keyof Spec]: NetworkField<Spec[K], K extends keyof Document ? true : false>;
};

/** A subnet comes, goes, or gets another gateway: what Docker has of subnets. */
function subnetsDiffer(before: readonly SubnetSpec[], after: readonly SubnetSpec[]): boolean {
  const gateways = new Map(before.map(({ cidr, gateway }) => [cidr, gateway]));
  return before.length !== after.length || after.some(({ cidr, gateway }) => gateways.get(cidr) !== gateway);
}

/**
 * The fields of a network. From here come what is read and written, what agents are given, what counts as a change, and what a
 * change means for containers. In the order of the API.
 */
export const networkFields = {
  parent: { column: 'parent', document: 'made', replaces: 'whereParentChanges' },
  parents: { column: 'parents', document: 'none', replaces: 'whereParentChanges' },
  vlan: { column: 'vlan', document: 'column', replaces: 'onEveryHost' },
  mode: { column: 'mode', document: 'column', replaces: 'onEveryHost' },
  promiscuous: { column: 'promiscuous', document: 'column', replaces: 'never' },
  internal: { column: 'internal', document: 'column', replaces: 'onEveryHost' },
  mtu: { column: 'mtu', document: 'column', replaces: 'never' },
  forwarding: { column: 'forwarding', document: 'column', replaces: 'never' },
  restartBroken: { column: 'restartBroken', document: 'column', replaces: 'never' },
  hostAccess: { column: 'hostAccess', document: 'column', replaces: 'never' },
  names: { column: 'names', document: 'column', replaces: 'never' },
  verify: { column: 'verify', document: 'none', replaces: 'never' },
  hosts: { column: 'hostSelector', document: 'none', replaces: 'never' },
  subnets: { column: null, document: 'made', replaces: subnetsDiffer },
  warm: { column: 'warm', document: 'column', replaces: 'never' },
  quarantineSeconds: { column: 'quarantineSeconds', document: 'column', replaces: 'never' },
  labels: { column: 'labels', document: 'none', replaces: 'never' },
} as const satisfies FieldsOf<NetworkSpec, DesiredNetwork>;

/** Fields with a change that Docker can only make by replacing the network. */
export const replacingFields = Object.entries(networkFields).flatMap(([name, { replaces }]) =>
  replaces === 'never' ? [] : [name],
);
