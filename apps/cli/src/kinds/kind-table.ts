/** What a list may be limited to; each is a flag of `get`. */
export const filterNames = ['network', 'host', 'container', 'owner', 'state', 'label', 'type'] as const;
export type FilterName = (typeof filterNames)[number];
export type Filters = Readonly<Partial<Record<FilterName, string>>>;

/** What the command line says of a kind before it loads how the kind is read and shown. */
export interface KindWords {
  readonly plural: string;
  /** How its items are named in arguments; null: they have no names of their own. */
  readonly nameForm: string | null;
  /** By what its list may be limited. */
  readonly filters: readonly FilterName[];
}

/** Every kind that can be listed, by its name, in the order that help shows them. */
export const kindTable = {
  network: { plural: 'networks', nameForm: 'NAME', filters: [] },
  host: { plural: 'hosts', nameForm: 'NAME', filters: ['label'] },
  placement: { plural: 'placements', nameForm: 'NETWORK/HOST', filters: ['network', 'host'] },
  address: {
    plural: 'addresses',
    nameForm: '[NETWORK/]ADDRESS',
    filters: ['network', 'state', 'owner', 'host', 'container'],
  },
  container: { plural: 'containers', nameForm: 'NAME', filters: ['host', 'network'] },
  endpoint: { plural: 'endpoints', nameForm: null, filters: ['host', 'network', 'container'] },
  event: { plural: 'events', nameForm: null, filters: ['type', 'network', 'host'] },
  check: { plural: 'checks', nameForm: 'ID', filters: [] },
} as const satisfies Record<string, KindWords>;

export type KindName = keyof typeof kindTable;
export const kindNames = Object.keys(kindTable) as KindName[];

/** A kind by its name, in the singular or the plural; undefined: there is none. */
export const kindNamed = (word: string): KindName | undefined =>
  kindNames.find((name) => word === name || word === kindTable[name].plural);
