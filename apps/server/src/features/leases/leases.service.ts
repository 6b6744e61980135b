import {
  recallSeconds,
  type Lease,
  type LeaseClaim,
  type LeaseClaimAnswer,
  type LeaseSync,
  type LeaseSyncAnswer,
  type Recall,
} from '@trunkline/contracts';
import { parseIp } from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { apiErrorFromDatabase, databaseFault } from '../../platform/database/database-errors.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { poolQuery } from '../../platform/database/query.ts';
import { invalidFields } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { startSweep } from '../../platform/sweep.ts';
import { addressPath } from '../addresses/address-rows.ts';
import { readIp, readMac } from '../addresses/address-wish.ts';
import type { AddressesService } from '../addresses/addresses.service.ts';
import { claimRefusal } from './claim-refusal.ts';
import { createLeaseBatches } from './lease-batches.ts';
import {
  claimLease,
  compareHeld,
  endConflicts,
  endHoldsOf,
  endRecalls,
  findHeld,
  holdersOf,
  networkName,
  outlook,
  recallsOf,
  type BatchRow,
  type ClaimItem,
  type HeldRow,
  type LeaseAsk,
  type WantItem,
} from './leases.store.ts';
import { shortDetail } from './short-detail.ts';

/** A host as far as its leases go. */
interface Host {
  id: string;
  name: string;
}

export interface LeasesService {
  /** Takes what a host returns, grants what it wants, and compares what it says it holds. */
  sync(host: Host, sync: LeaseSync, gone: AbortSignal): Promise<LeaseSyncAnswer>;
  /** Throws address_taken, address_quarantined, address_not_allocatable, network_not_placed, network_deleting … */
  claim(host: Host, claim: LeaseClaim, gone: AbortSignal): Promise<LeaseClaimAnswer>;
  /** Networks of which a host is asked to return what it does not use. */
  recallsFor(db: TransactionClient, hostId: string): Promise<Recall[]>;
  /**
   * The host is no longer there, or nothing of the network is left on it: what it held rests, or goes back to its
   * reservation. Call it before the placements go.
   */
  endHolds(change: Change, host: Host, networkId?: string): Promise<void>;
  startSweep(): () => Promise<void>;
}

const families = { ipv4: 4, ipv6: 6 } as const;
const words = { 4: 'ipv4', 6: 'ipv6' } as const;
const sweepMs = 2_000;
const sweepMost = 1_000;
/** How long a claim waits for a host that holds the address unused, in milliseconds. */
const claimWaitMs = 4_000;
const mostTries = 3;

type Granted = Extract<BatchRow, { kind: 'granted' }>;
type Short = Extract<BatchRow, { kind: 'short' }>;
const grantedOf = (rows: readonly BatchRow[]): Granted[] => rows.filter((row) => row.kind === 'granted');
const shortOf = (rows: readonly BatchRow[]): Short[] => rows.filter((row) => row.kind === 'short');

const newLease = ({ network_id: networkId, ip, cidr, generation }: Granted): Lease => ({
  networkId,
  ip,
  subnet: cidr,
  generation: Number(generation),
  owner: null,
  mac: null,
  bound: false,
});

/** A reservation that nobody put a key to is its own: its address is its key, and it is for nobody else. */
const heldLease = (row: HeldRow): Lease => ({
  networkId: row.network_id,
  ip: row.ip,
  subnet: row.cidr,
  generation: Number(row.generation),
  owner: row.owner ?? (row.reserved ? row.ip : null),
  mac: row.mac,
  bound: row.state === 'bound',
});

/** What a host asks, in canonical form. */
function readSync(host: Host, sync: LeaseSync): LeaseAsk {
  return {
    host: host.id,
    returns: sync.returns.map(({ mac, ...item }, n) => ({
      ...item,
      ip: readIp(item.ip, `/returns/${n}/ip`),
      mac: mac === null ? null : readMac(mac, `/returns/${n}/mac`),
    })),
    wants: sync.wants.map(({ family, ...want }) => ({ ...want, family: families[family] })),
  };
}

function readClaim(claim: LeaseClaim): ClaimItem {
  const { networkId, name } = claim;
  const family = families[claim.family];
  const ip = claim.ip === null ? null : readIp(claim.ip, '/ip');
  if (ip !== null && parseIp(ip).family !== family)
    throw invalidFields([{ pointer: '/family', message: `is not the family of ${ip}` }]);
  if (ip === null && claim.mac === null && name === null)
    throw invalidFields([{ pointer: '', message: 'names no address, MAC or name' }]);
  return { networkId, family, ip, mac: claim.mac === null ? null : readMac(claim.mac, '/mac'), name };
}

export function createLeasesService(
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'metrics' | 'log' | 'stopping'>,
  { addresses }: { addresses: Pick<AddressesService, 'explain'> },
): LeasesService {
  const { changes, feed, metrics, stopping } = platform;
  const query = poolQuery(platform.database.pool);
  const batches = createLeaseBatches(query);

  const ask = async (request: LeaseAsk): Promise<BatchRow[]> => {
    if (request.returns.length + request.wants.length === 0) return [];
    const rows = await batches.ask(request);
    for (const { reason } of request.returns) metrics.leasesReturned.inc({ reason });
    metrics.leasesGranted.inc(grantedOf(rows).length);
    return rows;
  };

  /** What urgent wants still miss while other hosts are asked to return theirs. */
  const waitFor = async (
    host: Host,
    wants: readonly WantItem[],
    gone: AbortSignal,
  ): Promise<{ granted: Granted[]; left: Short[] }> => {
    metrics.recalls.inc();
    const granted: Granted[] = [];
    let left: Short[] = wants.map((want) => ({
      pos: 0,
      kind: 'short',
      network_id: want.networkId,
      fam: want.family,
      missing: want.count,
      reason: 'full',
    }));
    const tryAgain = async (): Promise<boolean> => {
      const worth: Short[] = [];
      let hopeless = true;
      for (const one of left) {
        const { spare, hope } = await outlook(query, host.id, one.network_id, one.fam);
        if (spare) worth.push(one);
        hopeless &&= !spare && !hope;
      }
      if (worth.length === 0 || gone.aborted) return hopeless;
      const again = worth.map(({ network_id: networkId, fam: family, missing: count }) => ({
        networkId,
        family,
        count,
        urgent: true,
      }));
      const rows = await ask({ host: host.id, returns: [], wants: again });
      granted.push(...grantedOf(rows));
      left = [...left.filter((one) => !worth.includes(one)), ...shortOf(rows)];
      return left.every((one) => one.reason !== 'full');
    };
    await holdUntil(feed, tryAgain, recallSeconds * 1000, gone);
    return { granted, left };
  };

  const explain = async (host: Host, short: Short): Promise<LeaseSyncAnswer['short'][number]> => {
    const { network_id: networkId, fam: family, missing, reason } = short;
    metrics.leasesRefused.inc({ reason });
    const network = (await networkName(query, networkId)) ?? networkId;
    const holders = await holdersOf(query, networkId, family);
    const detail = shortDetail(reason, { network, host: host.name, family, holders });
    return { networkId, family: words[family], missing, detail };
  };

  const claimOnce = async (host: Host, claim: ClaimItem, tries = 1): ReturnType<typeof claimLease> => {
    try {
      return await claimLease(query, host.id, claim);
    } catch (error) {
      const code = databaseFault(error)?.code ?? '';
      if (['40P01', '40001'].includes(code) && tries < mostTries) return claimOnce(host, claim, tries + 1);
      throw apiErrorFromDatabase(error) ?? error;
    }
  };

  return {
    async sync(host, sync, gone) {
      const ended = AbortSignal.any([gone, stopping]);
      const rows = await ask(readSync(host, sync));
      const granted = grantedOf(rows);
      const compared =
        sync.held === null
          ? { unlisted: [], unknown: [] }
          : await compareHeld(
              query,
              host.id,
              sync.held.map((item, n) => ({ ...item, ip: readIp(item.ip, `/held/${n}/ip`) })),
            );
      const short = shortOf(rows);
      const waits = short.filter(({ reason }) => reason === 'full');
      const waited = await (waits.length === 0
        ? { granted: [], left: [] }
        : waitFor(
            host,
            waits.map(({ network_id: networkId, fam: family, missing: count }) => ({
              networkId,
              family,
              count,
              urgent: true,
            })),
            ended,
          ));
      const fresh = new Set(granted.map(({ network_id: id, ip, generation }) => `${id} ${ip} ${generation}`));
      const left = [...short.filter(({ reason }) => reason !== 'full'), ...waited.left];
      return {
        granted: [...granted, ...waited.granted].map(newLease),
        unlisted: compared.unlisted
          .filter(({ network_id: id, ip, generation }) => !fresh.has(`${id} ${ip} ${generation}`))
          .map(heldLease),
        unknown: compared.unknown,
        short: await Promise.all(left.map((one) => explain(host, one))),
      };
    },

    async claim(host, asked, gone) {
      const claim = readClaim(asked);
      const ended = AbortSignal.any([gone, stopping]);
      let made = await claimOnce(host, claim);
      if (made.outcome === 'elsewhere') {
        metrics.recalls.inc();
        await holdUntil(
          feed,
          async () => {
            if (!ended.aborted) made = await claimOnce(host, claim);
            return made.outcome !== 'elsewhere';
          },
          claimWaitMs,
          ended,
        );
      }
      const { outcome, ip } = made;
      metrics.leaseClaims.inc({ outcome });
      if (outcome === 'none') return { lease: null };
      if (outcome === 'held' || outcome === 'created') {
        const held = ip === null ? undefined : await findHeld(query, host.id, claim.networkId, ip);
        // Released by an operator in the moment between: as if it had been refused.
        if (held !== undefined) return { lease: heldLease(held) };
      }
      const network = (await networkName(query, claim.networkId)) ?? claim.networkId;
      throw claimRefusal(outcome === 'held' || outcome === 'created' ? 'taken' : outcome, {
        network,
        host: host.name,
        claim,
        ...(await addresses.explain({ id: claim.networkId, name: network }, ip)),
      });
    },

    recallsFor: async (db, hostId) =>
      (await recallsOf(db, hostId)).map(({ networkId, family }) => ({ networkId, family: words[family] })),

    async endHolds(change, host, networkId) {
      for (const row of await endHoldsOf(change.db, host.id, networkId ?? null)) {
        // What was only kept ahead of need is nobody's news.
        if (row.state !== 'bound' && row.owner === null) continue;
        change.record({
          type: 'address.released',
          subject: addressPath(row.network, row.ip),
          network: row.network,
          host: host.name,
          data: { owner: row.owner, container: row.container, forced: false },
        });
      }
    },

    startSweep: () =>
      startSweep('leases', sweepMs, platform.log, async () => {
        await changes.make({ actor: 'server' }, async (change) => {
          for (const { network, family, hosts } of await endRecalls(change.db)) {
            change.record({
              type: 'network.short-ended',
              subject: `/v1/networks/${network}`,
              network,
              data: { family: `ipv${family}` },
            });
            change.concerns(hosts);
          }
        });
        await changes.make({ actor: 'server' }, async (change) => {
          for (const { network, ip, owner } of await endConflicts(change.db, sweepMost))
            change.record({
              type: 'address.recheck',
              subject: addressPath(network, ip),
              network,
              data: { owner },
            });
        });
      }),
  };
}
