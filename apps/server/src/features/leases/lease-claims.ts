import type { LeaseClaim, LeaseClaimAnswer } from '@trunkline/contracts';
import { parseIp } from '@trunkline/netaddr';
import { holdUntil } from '../../platform/database/change-feed.ts';
import { apiErrorFromDatabase, databaseFault } from '../../platform/database/database-errors.ts';
import { poolQuery } from '../../platform/database/query.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { readIp, readMac } from '../addresses/address-request.ts';
import type { AddressesService } from '../addresses/addresses.service.ts';
import { sayWhoHasMac } from '../addresses/mac-holder.ts';
import { claimRefusal } from './claim-refusal.ts';
import { families, heldLease, type LeaseHost } from './held-lease.ts';
import { addressWaitMs } from './recall-first.ts';
import { claimLease, findHeld, networkName, type ClaimItem, type ClaimOutcome } from './leases.store.ts';

export interface LeaseClaims {
  /** Throws address_taken, mac_in_use, address_quarantined, address_not_allocatable, network_not_placed, network_deleting … */
  claim(host: LeaseHost, claim: LeaseClaim, gone: AbortSignal): Promise<LeaseClaimAnswer>;
}

const maxTries = 3;

function readClaim(claim: LeaseClaim): ClaimItem {
  const { networkId, name } = claim;
  const family = families[claim.family];
  const ip = claim.ip === null ? null : readIp(claim.ip, '/ip');
  if (ip !== null && parseIp(ip).family !== family)
    throw invalidFields([{ pointer: '/family', message: `is not the IP version of ${ip}` }]);
  if (ip === null && claim.mac === null && name === null)
    throw invalidFields([{ pointer: '', message: 'names no address, MAC or name' }]);
  return { networkId, family, ip, mac: claim.mac === null ? null : readMac(claim.mac, '/mac'), name };
}

export function createLeaseClaims(
  { database, feed, metrics, stopping }: Pick<Platform, 'database' | 'feed' | 'metrics' | 'stopping'>,
  { addresses, maxUnused }: { addresses: Pick<AddressesService, 'explain'>; maxUnused: number },
): LeaseClaims {
  const query = poolQuery(database.pool);

  const claimOnce = async (host: LeaseHost, claim: ClaimItem, tries = 1): ReturnType<typeof claimLease> => {
    try {
      return await claimLease(query, host.id, claim, maxUnused);
    } catch (failure) {
      const { networkId: network, family, mac } = claim;
      const error = await sayWhoHasMac(query, apiErrorFromDatabase(failure) ?? failure, {
        network,
        family,
        mac: mac ?? undefined,
      });
      const code = databaseFault(failure)?.code ?? '';
      if (['40P01', '40001'].includes(code) && tries < maxTries) return claimOnce(host, claim, tries + 1);
      if (error instanceof ApiError && error.code === 'mac_in_use')
        metrics.leaseClaims.inc({ outcome: 'mac_in_use' });
      throw error;
    }
  };

  return {
    async claim(host, asked, gone) {
      const claim = readClaim(asked);
      const ended = AbortSignal.any([gone, stopping]);
      let made = await claimOnce(host, claim);
      // Another host is asked for it; or this one has to report first what runs on what it was given.
      const awaited: readonly ClaimOutcome[] = ['elsewhere', 'unused'];
      if (awaited.includes(made.outcome)) {
        if (made.outcome === 'elsewhere') metrics.recalls.inc();
        await holdUntil(
          feed,
          async () => {
            if (!ended.aborted) made = await claimOnce(host, claim);
            return !awaited.includes(made.outcome);
          },
          addressWaitMs,
          ended,
        );
      }
      const { outcome, ip, byMac } = made;
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
        byMac,
        ...(await addresses.explain({ id: claim.networkId, name: network }, ip)),
      });
    },
  };
}
