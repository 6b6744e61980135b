import {
  addressPath,
  type AddressesResult,
  type Endpoint,
  type InventoryItem,
  type Report,
} from '@trunkline/contracts';
import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import { poolQuery } from '../../platform/database/query.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError } from '../../platform/errors.ts';
import { decodeCursor, isNamePosition, pageOf, type PageOf } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { compareBooks } from './comparison.ts';
import { hostsLooking, oddAddresses, oddEndpoints } from './comparison.store.ts';
import { heardConflicts } from './heard-conflicts.ts';
import { heldByHosts } from './held-by-hosts.ts';
import {
  listEndpoints,
  putInventory,
  takeIn,
  type EndpointFilter,
  type EndpointPosition,
  type EndpointRow,
  type SeenItem,
} from './endpoints.store.ts';

export interface EndpointsService {
  list(
    filter: EndpointFilter,
    page: { limit: number; cursor: string | undefined },
  ): Promise<PageOf<Endpoint>>;
  /**
   * Takes what a host saw on managed networks: what is there, and which addresses it holds are bound to what. Answers
   * whether `takeIn` is due.
   */
  recordInventory(
    change: Change,
    host: { id: string; name: string },
    report: Pick<Report, 'inventory' | 'facts' | 'observedRevision'>,
    observedAt: Date,
  ): Promise<boolean>;
  /**
   * Takes what a host is seen to use, and is nobody's, into the book of addresses. In a transaction of its own: it locks
   * subnets, which come before all that a report locks.
   */
  takeIn(host: { id: string; name: string }): Promise<void>;
  /**
   * Compares the book of addresses with what the hosts last saw, of one network or of all. Throws network_not_found.
   */
  compare(db: TransactionClient, network: string | undefined): Promise<AddressesResult>;
}

const isEndpointPosition = (position: string): boolean => {
  const parts = position.split('\n');
  return parts.length === 4 && parts.every(isNamePosition) && /^\d{1,18}$/.test(parts[3] ?? '');
};

const maxCompared = 1_000;
const maxSilent = 100;

/** An address as the database has it; of a text that is none there is none. */
function canonical(text: string | null, family: 4 | 6): string | null {
  const ip = text === null ? undefined : tryParseIp(text);
  return ip === undefined || ip.family !== family ? null : formatIp(ip);
}

const seenItem = ({
  networkId,
  dockerId,
  name,
  state,
  ipv4,
  ipv6,
  mac,
  aliases,
  sharedBy,
}: InventoryItem): SeenItem => ({
  networkId,
  dockerId,
  name,
  state,
  ipv4: canonical(ipv4, 4),
  ipv6: canonical(ipv6, 6),
  mac: mac === null ? null : parseMac(mac),
  aliases: aliases ?? null,
  sharedBy: sharedBy ?? [],
});

const present = (row: EndpointRow): Endpoint => ({
  host: row.host,
  network: row.network,
  container: row.container,
  dockerId: row.dockerId,
  managed: row.ours,
  state: row.state,
  ipv4: row.ipv4,
  ipv6: row.ipv6,
  mac: row.mac,
  aliases: row.aliases,
  sharedBy: row.sharedBy,
  since: row.since.toISOString(),
  observedAt: row.observedAt.toISOString(),
});

/**
 * While Docker does not answer its agent, what was seen before is not unsaid. And an agent that has no document yet
 * knows no network, so it sees nothing on one.
 */
const looked = ({ facts, observedRevision }: Pick<Report, 'facts' | 'observedRevision'>): boolean =>
  facts.docker.reachable && observedRevision !== '0';

export function createEndpointsService(
  platform: Pick<Platform, 'database' | 'changes'>,
  { hosts }: { hosts: { isOnline(host: { lastSeenAt: Date | null }): boolean } },
): EndpointsService {
  const query = poolQuery(platform.database.pool);
  return {
    async list(filter, { limit, cursor }) {
      const after = decodeCursor('endpoints', cursor, isEndpointPosition);
      const position = after === undefined ? undefined : (after.split('\n') as EndpointPosition);
      const rows = await listEndpoints(query, filter, position, limit + 1);
      const page = pageOf('endpoints', rows, limit, (row) =>
        [row.host, row.network, row.dockerId, row.id].join('\n'),
      );
      return { ...page, items: page.items.map(present) };
    },

    async recordInventory(change, host, report, observedAt) {
      if (!looked(report)) return false;
      const seen = report.inventory.filter(({ state }) => state !== 'absent').map(seenItem);
      let due = false;
      for (const news of await putInventory(change.db, host.id, seen, observedAt)) {
        const { container, dockerId, mac } = news;
        if (news.kind === 'free' || news.kind === 'left') due = true;
        else if (news.kind === 'bound')
          change.record({
            type: 'address.bound',
            subject: addressPath(news.network, news.ip),
            network: news.network,
            host: host.name,
            data: { container, dockerId, mac, generation: Number(news.generation) },
          });
        else if (news.kind === 'conflict' && news.why !== null && news.ip !== null)
          change.record({
            type: 'address.disputed',
            subject: addressPath(news.network, news.ip),
            network: news.network,
            host: host.name,
            data: { container, dockerId, mac, why: news.why },
          });
      }
      return due;
    },

    async takeIn(host) {
      await platform.changes.make({ actor: `agent:${host.name}` }, async (change) => {
        for (const { kind, network, ip, container, mac } of await takeIn(change.db, host.id)) {
          const about = { subject: addressPath(network, ip), network, host: host.name };
          if (kind === 'bound')
            change.record({ type: 'address.bound', ...about, data: { container, mac, taken: 'in use' } });
          else change.record({ type: 'address.released', ...about, data: { container, forced: false } });
        }
      });
    },

    async compare(db, network) {
      const found =
        network === undefined
          ? null
          : await db.network.findUnique({ where: { name: network }, select: { id: true } });
      if (network !== undefined && found === null)
        throw new ApiError('network_not_found', `there is no network ${network}`);
      const id = found?.id ?? null;
      const endpoints = await oddEndpoints(db, id, maxCompared + 1);
      const addresses = await oddAddresses(db, id, maxCompared + 1);
      const looking = await hostsLooking(db, id);
      const silent = looking.filter((host) => !hosts.isOnline({ lastSeenAt: host.lastSeenAt }));
      const findings = [
        ...(await heldByHosts(db, id, maxCompared + 1)),
        ...compareBooks(endpoints, addresses),
        ...(await heardConflicts(db, id, maxCompared + 1)),
      ];
      const of = network === undefined ? 'all networks' : network;
      return {
        consistent: findings.length === 0,
        findings: findings.slice(0, maxCompared),
        truncated: Math.max(endpoints.length, addresses.length, findings.length) > maxCompared,
        silentHosts: silent
          .slice(0, maxSilent)
          .map((host) => ({ host: host.host, observedAt: host.observedAt?.toISOString() ?? null })),
        message:
          findings.length === 0
            ? `the addresses of ${of} match what ${looking.length} hosts last saw`
            : `${findings.length} addresses of ${of} do not match what ${looking.length} hosts last saw`,
      };
    },
  };
}
