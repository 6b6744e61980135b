import { Type, type Static } from 'typebox';
import { HostName, NetworkName } from './common.ts';
import { Closed, Nullable, Words } from './schema.ts';

export const searchKinds = ['host', 'network', 'container', 'address', 'endpoint'] as const;

/** Hits in one answer. */
export const maxHits = 100;

export const SearchHit = Closed(
  {
    kind: Words(searchKinds, {
      description: 'What was found. `endpoint`: a container on a network, whatever started it.',
      examples: ['address'],
    }),
    name: Type.String({
      maxLength: 255,
      description: 'Its name, or its address.',
      examples: ['172.16.100.10'],
    }),
    path: Nullable(Type.String({ maxLength: 1024 }), {
      description: 'Its path in the API; null of an endpoint, which has none: see `GET /v1/endpoints`.',
      examples: ['/v1/networks/mac_net1/addresses/172.16.100.10'],
    }),
    network: Nullable(NetworkName, {
      description: 'The network that it is on; null: on none, or on several.',
    }),
    host: Nullable(HostName, { description: 'The host that it is on; null: on none, or on several.' }),
    matched: Words(['name', 'address', 'mac', 'owner', 'container', 'subnet', 'label', 'image', 'dockerId'], {
      description: 'What of it matched.',
      examples: ['address'],
    }),
    value: Type.String({
      maxLength: 512,
      description: 'The text that matched.',
      examples: ['172.16.100.10'],
    }),
  },
  { $id: 'SearchHit', description: 'Something that a search found.' },
);
export type SearchHit = Static<typeof SearchHit>;

export const SearchResult = Closed(
  {
    items: Type.Array(SearchHit, {
      maxItems: maxHits,
      description:
        'What was found: what is equal first, then what begins so, then the rest, and of these what is called so before what is only of it; each thing once.',
    }),
    more: Type.Boolean({
      description: 'There is more than fits: search for more of the text.',
      examples: [false],
    }),
  },
  { $id: 'SearchResult', description: 'The answer to a search.' },
);
export type SearchResult = Static<typeof SearchResult>;
