import { addressPath, ownerPath, placementsPath } from '@trunkline/contracts';
import { ApiError } from '../../platform/errors.ts';
import type { AddressRow } from '../addresses/address-rows.ts';
import { refusal, type RefusalFacts } from '../addresses/allocation.ts';
import { conflictRemedy, holderOf } from '../addresses/holder-of.ts';
import type { ClaimItem, ClaimOutcome } from './leases.store.ts';
import { noNetworkDetail, unusedDetail } from './shortage-detail.ts';

/** What a refused claim is explained with. */
export interface ClaimFacts {
  /** Name of the network, or its id where there is none. */
  network: string;
  host: string;
  claim: ClaimItem;
  /** The reservation in the way was found by the MAC of the claim. */
  byMac: boolean;
  /** The address in the way. */
  holder: AddressRow | undefined;
  subnets: RefusalFacts['subnets'];
}

/**
 * The address is somebody else's. One that was found by the MAC of the container is that of its station: with this MAC the container
 * would be a second one, on whatever address, so the MAC is refused.
 */
function takenFrom({ network, claim: { mac }, byMac, holder }: ClaimFacts): (detail: string) => ApiError {
  if (holder === undefined) return (detail) => new ApiError('address_taken', detail, { data: {} });
  const { ip, state, host, container, owner } = holder;
  const common = { holder: addressPath(network, ip), host, container, owner };
  if (byMac && mac !== null)
    return (detail) =>
      new ApiError('mac_in_use', `${mac} is reserved for ${ip} on ${network}, and ${detail}`, {
        data: { ...common, network, mac, address: ip },
      });
  return (detail) => new ApiError('address_taken', detail, { data: { ...common, state } });
}

/** The answer to a claim that got no address. Pure: the same facts, the same words. */
export function claimRefusal(
  outcome: Exclude<ClaimOutcome, 'held' | 'created' | 'none'>,
  facts: ClaimFacts,
): ApiError {
  const { network, host, claim, holder, subnets } = facts;
  const taken = takenFrom(facts);
  const ip = holder?.ip ?? claim.ip ?? '';
  switch (outcome) {
    case 'no_network':
      return new ApiError('network_not_found', noNetworkDetail(network, host));
    case 'not_placed':
      return new ApiError(
        'network_not_placed',
        `network ${network} is not on ${host}: select the host in its hosts`,
        { data: { placements: placementsPath(network) } },
      );
    case 'taken':
      return taken(`${ip} is ${holderOf(holder)}: choose another, or release it there first`);
    case 'elsewhere':
      return taken(
        `${ip} is in the warm pool of host ${holder?.host ?? 'unknown'}, which was asked for it and has not returned it: try again, or choose another`,
      );
    case 'unused':
      return new ApiError('limit_reached', unusedDetail(host, network), { retryAfterSeconds: 5 });
    case 'other_mac':
      return taken(
        `${ip} is reserved for ${holder?.owner ?? 'one station'} with its own MAC, which is not ${claim.mac ?? 'given'}: start the container with the MAC of the reservation (--mac-address), or choose another address`,
      );
    case 'other_host':
      return taken(
        `${ip} is reserved for host ${holder?.forHost ?? 'another'}: start the container there, or choose another address`,
      );
    case 'not_for':
      return taken(
        `${ip} is reserved for ${holder?.owner ?? 'its owner'}: ${
          holder?.owner == null
            ? 'it names no container; reserve it again with claim: anyone, a mac or a forHost, which determine who may take it'
            : `a container with that name may take it (Docker sends the name from Engine 29 on), or allow others with PUT ${ownerPath(network, holder.owner)}: {"claim":"anyone"}, a mac or a forHost`
        }; or choose another address`,
      );
    case 'revoked':
      return taken(
        `${ip} was revoked from ${host} by an operator, and a container on ${host} still used it in the last report: stop that container, then try again`,
      );
    case 'conflicted':
      return taken(`${ip} is ${holderOf(holder)}; ${conflictRemedy(holder)}; or choose another address`);
    case 'quarantined':
    case 'awaiting':
    case 'outside':
    case 'gateway':
    case 'network_address':
    case 'broadcast_address':
    case 'excluded':
    case 'deleting':
    case 'no_family':
      return refusal(outcome, {
        network,
        family: claim.family,
        item: { count: 1, ...(claim.ip === null ? {} : { address: claim.ip }) },
        holder,
        subnets,
      });
  }
}
