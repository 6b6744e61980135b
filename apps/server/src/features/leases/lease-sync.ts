import {
  addressPath,
  recallSeconds,
  type Lease,
  type LeaseSync,
  type LeaseSyncAnswer,
} from '@trunkline/contracts';
import { parseMac } from '@trunkline/netaddr';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { poolQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { readCidr, readIp } from '../addresses/address-request.ts';
import { families, familyWords, heldLease, type LeaseHost } from './held-lease.ts';
import { createLeaseBatches } from './lease-batches.ts';
import {
  compareHeld,
  holdersOf,
  networkName,
  availability,
  stillHeld,
  type BatchRow,
  type HeldRow,
  type LeaseAsk,
  type WantItem,
} from './leases.store.ts';
import { confirmRevocations } from './ended-holds.store.ts';
import { shortageDetail, unusedDetail } from './shortage-detail.ts';

export interface LeaseSyncs {
  /** Takes what a host returns, grants what it wants, and compares what it reports that it holds. */
  sync(host: LeaseHost, sync: LeaseSync, gone: AbortSignal): Promise<LeaseSyncAnswer>;
}

type Granted = Extract<BatchRow, { kind: 'granted' }>;
type Shortage = Extract<BatchRow, { kind: 'shortage' }>;
const grantedOf = (rows: readonly BatchRow[]): Granted[] => rows.filter((row) => row.kind === 'granted');
const shortagesOf = (rows: readonly BatchRow[]): Shortage[] => rows.filter((row) => row.kind === 'shortage');

const newLease = ({ networkId, ip, cidr, generation }: Granted): Lease => ({
  networkId,
  ip,
  subnet: cidr,
  generation: Number(generation),
  owner: null,
  mac: null,
  bound: false,
});

/** What is left of an on-demand want. */
const stillWanted = ({ networkId, fam: family, cidr, missing: count }: Shortage): WantItem => ({
  networkId,
  family,
  ...(cidr === null ? {} : { subnet: cidr }),
  count,
  onDemand: true,
});

/**
 * What a host asks, in canonical form. An item that means nothing here (of a network that is gone, an address outside, a
 * foreign station with a MAC that none should have) is no reason to refuse: the host would report it again for ever.
 */
function readSync(host: LeaseHost, sync: LeaseSync, unused: number): LeaseAsk {
  return {
    host: host.id,
    unused,
    returns: sync.returns.map(({ mac, ...item }, n) => ({
      ...item,
      ip: readIp(item.ip, `/returns/${n}/ip`),
      mac: mac === null ? null : parseMac(mac),
    })),
    wants: sync.wants.map(({ family, subnet, ...want }, n) => ({
      ...want,
      family: families[family],
      ...(subnet === undefined ? {} : { subnet: readCidr(subnet, `/wants/${n}/subnet`) }),
    })),
  };
}

/** What leases need of containers. */
export interface ContainersOfLeases {
  /** A host reports that something foreign has these addresses. */
  moveFromConflicts(host: LeaseHost, conflicted: readonly { networkId: string; ip: string }[]): Promise<void>;
}

/** What a container may wait for: other hosts return something, or this one reports what runs. */
const worthAWait = (reason: Shortage['reason']): boolean => reason === 'full' || reason === 'unused';

const wantKey = ({ networkId, family }: Pick<WantItem, 'networkId' | 'family'>): string =>
  `${networkId} ${family}`;

/** A host that asks for nothing but more of what it has too much of is refused as a whole. Throws limit_reached. */
const refuseUnused = (
  host: LeaseHost,
  { held, returns, granted, left }: LeaseSync & { granted: number; left: readonly Shortage[] },
): void => {
  const isAll = held === null && returns.length === 0 && granted === 0 && left.length > 0;
  if (!isAll || !left.every(({ reason }) => reason === 'unused')) return;
  throw new ApiError('limit_reached', unusedDetail(host.name, 'a network'), { retryAfterSeconds: 5 });
};

export function createLeaseSyncs(
  {
    database,
    changes,
    feed,
    metrics,
    stopping,
    log,
  }: Pick<Platform, 'database' | 'changes' | 'feed' | 'metrics' | 'stopping' | 'log'>,
  { containers, maxUnused }: { containers: ContainersOfLeases; maxUnused: number },
): LeaseSyncs {
  const query = poolQuery(database.pool);
  const batches = createLeaseBatches(query);

  const ask = async (request: LeaseAsk): Promise<BatchRow[]> => {
    if (request.returns.length + request.wants.length === 0) return [];
    const rows = await batches.ask(request);
    for (const { reason } of request.returns) metrics.leasesReturned.inc({ reason });
    metrics.leasesGranted.inc(grantedOf(rows).length);
    return rows;
  };

  /** The returns have been taken, whatever becomes of the containers: they are looked at again when it is found once more. */
  const movedFromConflicts = async (host: LeaseHost, returns: LeaseAsk['returns']): Promise<void> => {
    const conflicted = returns.filter(({ reason }) => reason === 'conflicted');
    if (conflicted.length === 0) return;
    await containers.moveFromConflicts(host, conflicted).catch((error: unknown) => {
      log.warn({ err: error, host: host.name }, 'containers keep addresses that foreign stations answer for');
    });
  };

  /** A return that was passed over is answered as such: its host must not take the address for gone. */
  const keptOf = async (host: LeaseHost, returns: LeaseAsk['returns']): Promise<HeldRow[]> =>
    returns.length === 0 ? [] : await stillHeld(query, host.id, returns);

  /** What on-demand wants still miss while other hosts are asked to return theirs, and this one to report what runs. */
  const waitFor = async (
    host: LeaseHost,
    waits: readonly Shortage[],
    gone: AbortSignal,
  ): Promise<{ granted: Granted[]; left: readonly Shortage[] }> => {
    if (waits.some(({ reason }) => reason === 'full')) metrics.recalls.inc();
    const granted: Granted[] = [];
    let left: readonly Shortage[] = waits;
    const tryAgain = async (): Promise<boolean> => {
      const worth: Shortage[] = [];
      let hopeless = true;
      for (const one of left) {
        const { free, recallable } = await availability(query, host.id, one.networkId, one.fam, one.cidr);
        if (free) worth.push(one);
        hopeless &&= !free && !recallable;
      }
      if (worth.length === 0 || gone.aborted) return hopeless;
      const rows = await ask({
        host: host.id,
        unused: maxUnused,
        returns: [],
        wants: worth.map(stillWanted),
      });
      granted.push(...grantedOf(rows));
      left = [...left.filter((one) => !worth.includes(one)), ...shortagesOf(rows)];
      return left.every(({ reason }) => !worthAWait(reason));
    };
    await holdUntil(feed, tryAgain, recallSeconds * 1000, gone);
    return { granted, left };
  };

  const explain = async (
    host: LeaseHost,
    shortage: Shortage,
  ): Promise<LeaseSyncAnswer['shortages'][number]> => {
    const { networkId, fam: family, cidr: subnet, missing, reason } = shortage;
    metrics.leasesRefused.inc({ reason });
    const network = (await networkName(query, networkId)) ?? networkId;
    const holders = await holdersOf(query, networkId, family, subnet);
    const detail = shortageDetail(reason, { network, host: host.name, family, subnet, holders });
    return { networkId, family: familyWords[family], missing, detail };
  };

  /** What the host lets go of is free from here on. */
  const confirm = (host: LeaseHost, confirms: LeaseSync['confirms'] = []): Promise<void> => {
    const confirmed = confirms.map((item, n) => ({ ...item, ip: readIp(item.ip, `/confirms/${n}/ip`) }));
    return changes.make({ actor: `agent:${host.name}` }, async (change) => {
      for (const { network, ip } of await confirmRevocations(change.db, host.id, confirmed))
        change.record({
          type: 'address.released',
          subject: addressPath(network, ip),
          network,
          host: host.name,
          data: { owner: null, forced: true },
        });
    });
  };

  return {
    async sync(host, sync, gone) {
      const ended = AbortSignal.any([gone, stopping]);
      if (sync.confirms !== undefined && sync.confirms.length > 0) await confirm(host, sync.confirms);
      const asked = readSync(host, sync, maxUnused);
      const rows = await ask(asked);
      await movedFromConflicts(host, asked.returns);
      const granted = grantedOf(rows);
      const compared =
        sync.held === null
          ? { unlisted: await keptOf(host, asked.returns), unknown: [] }
          : await compareHeld(
              query,
              host.id,
              sync.held.map((item, n) => ({ ...item, ip: readIp(item.ip, `/held/${n}/ip`) })),
            );
      const shortages = shortagesOf(rows);
      const onDemand = new Set(asked.wants.filter((want) => want.onDemand).map(wantKey));
      const waits = shortages.filter(
        ({ reason, networkId, fam: family }) =>
          worthAWait(reason) && onDemand.has(wantKey({ networkId, family })),
      );
      const waited = await (waits.length === 0 ? { granted: [], left: [] } : waitFor(host, waits, ended));
      const fresh = new Set(granted.map(({ networkId: id, ip, generation }) => `${id} ${ip} ${generation}`));
      const left = [...shortages.filter((one) => !waits.includes(one)), ...waited.left];
      refuseUnused(host, { ...sync, granted: granted.length + waited.granted.length, left });
      return {
        granted: [...granted, ...waited.granted].map(newLease),
        unlisted: compared.unlisted
          .filter(({ networkId: id, ip, generation }) => !fresh.has(`${id} ${ip} ${generation}`))
          .map(heldLease),
        unknown: compared.unknown,
        shortages: await Promise.all(left.map((one) => explain(host, one))),
      };
    },
  };
}
