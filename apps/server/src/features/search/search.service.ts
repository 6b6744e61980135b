import {
  addressPath,
  containerPath,
  hostPath,
  maxHits,
  networkPath,
  type SearchHit,
  type SearchResult,
} from '@trunkline/contracts';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { poolQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import { search, type FoundRow, type SearchText } from './search.store.ts';

export interface SearchService {
  /** Looks for a text in names, addresses, MACs, owners and labels. */
  find(text: string): Promise<SearchResult>;
}

/** Two pairs at least, so that a short name of hexadecimal digits is no MAC. */
const beginsMac = /^[0-9a-f]{2}([:-][0-9a-f]{2}){1,5}[:-]?$/;

/** What a text may stand for. Pure. */
export function readText(given: string): SearchText {
  const text = given.trim().toLowerCase();
  const ip = tryParseIp(text);
  return {
    text,
    ip: ip === undefined ? null : formatIp(ip),
    mac: beginsMac.test(text) ? text.replaceAll('-', ':') : null,
  };
}

function pathOf({ kind, name, network }: FoundRow): string | null {
  switch (kind) {
    case 'host':
      return hostPath(name);
    case 'network':
      return networkPath(name);
    case 'container':
      return containerPath(name);
    case 'address':
      return addressPath(network ?? '', name);
    case 'endpoint':
      return null;
  }
}

export function createSearchService(platform: Pick<Platform, 'database'>): SearchService {
  const query = poolQuery(platform.database.pool);
  return {
    async find(text) {
      const rows = await search(query, readText(text), maxHits + 1);
      const items = rows.slice(0, maxHits).map((row): SearchHit => ({ ...row, path: pathOf(row) }));
      return { items, more: rows.length > maxHits };
    },
  };
}
