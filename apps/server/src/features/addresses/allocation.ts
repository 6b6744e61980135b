import {
  addressPath,
  allocationOutcomeTable,
  type AddressClaim,
  type AllocationRefusal,
} from '@trunkline/contracts';
import { ApiError } from '../../platform/errors.ts';
import type { AddressRow } from './address-rows.ts';
import { heldAddress, HeldByHosts } from './held-by-hosts.ts';
import { holderOf } from './holder-of.ts';

/** What is asked of the allocator. */
export interface AllocationItem {
  /** Exactly this address; undefined: the next free. */
  address?: string;
  /** The same owner asking again gets what it has. */
  owner?: string;
  /** This many, all or none. */
  count: number;
  mac?: string;
  labels?: Record<string, string>;
  containerId?: string;
  claim?: AddressClaim;
  /** Id of the host. */
  forHost?: string;
}

/** What a refusal is explained with. */
export interface RefusalFacts {
  network: string;
  family: 4 | 6 | null;
  item: AllocationItem;
  /** The address in the way, when there is one. */
  holder?: AddressRow | undefined;
  /** The subnets of the network. */
  subnets: readonly { cidr: string; family: number; allocatable: string; free: string }[];
}

const list = (subnets: RefusalFacts['subnets']): string => subnets.map((subnet) => subnet.cidr).join(', ');

/** The answer to a request that got no address. Pure: the same facts, the same words. */
export function refusal(outcome: AllocationRefusal, facts: RefusalFacts): ApiError {
  const { refusedWith: code } = allocationOutcomeTable[outcome];
  const { network, item, holder, subnets } = facts;
  const address = item.address ?? '';
  const holderData =
    holder === undefined
      ? {}
      : {
          holder: addressPath(network, holder.ip),
          network,
          address: holder.ip,
          owner: holder.owner,
          state: holder.state,
          host: holder.host,
          container: holder.container,
        };
  switch (outcome) {
    case 'no_network':
      return new ApiError(code, `there is no network ${network}`);
    case 'deleting':
      return new ApiError(code, `network ${network} is being removed: it gives out no addresses`);
    case 'no_family':
      return new ApiError(
        code,
        `network ${network} has no ${facts.family === 6 ? 'IPv6' : 'IPv4'} subnet, only ${list(subnets)}`,
      );
    case 'outside':
      return new ApiError(code, `${address} is in no subnet of ${network}, which has ${list(subnets)}`);
    case 'gateway':
      return new ApiError(code, `${address} is the gateway of its subnet`);
    case 'network_address':
      return new ApiError(
        code,
        `${address} is the address of the subnet itself${address.includes(':') ? ' (subnet-router anycast, RFC 4291 2.6.1)' : ''}`,
      );
    case 'broadcast_address':
      return new ApiError(code, `${address} is the broadcast address of its subnet`);
    case 'excluded':
      return new ApiError(code, `${address} is excluded: take it out of the subnet's exclude first`);
    case 'taken':
      return heldAddress(
        code,
        `${address} is ${holderOf(holder)}: choose another, or release it first`,
        { network, address: holder?.ip ?? address, state: holder?.state },
        { data: holderData },
      );
    case 'quarantined': {
      const until = holder?.quarantinedUntil?.toISOString();
      return new ApiError(
        code,
        `${address} was freed and is quarantined until ${until ?? 'its time is over'}: choose another, or end its quarantine with DELETE and ?force=true`,
        {
          data: { ...holderData, quarantinedUntil: until ?? null },
        },
      );
    }
    case 'awaiting':
      return new ApiError(
        code,
        `${address} was revoked from host ${holder?.awaitingHost ?? 'unknown'}, which has not confirmed it: wait until the host is online, choose another, or release it with DELETE and ?force=true&unconfirmed=true`,
        { data: { ...holderData, awaitingHost: holder?.awaitingHost ?? null } },
      );
    case 'owner_has_other':
      return new ApiError(
        code,
        `${item.owner ?? ''} already has ${holder?.ip ?? 'another address'} on this network: release that first, or request it`,
        { data: holderData },
      );
    case 'full': {
      const of = subnets.filter((subnet) => facts.family === null || subnet.family === facts.family);
      const most = of.reduce((sum, { allocatable }) => sum + BigInt(allocatable), 0n);
      // No release could help, and nobody is asked for what he does not use.
      if (BigInt(item.count) > most)
        return new ApiError(
          'address_not_allocatable',
          `${item.count} addresses were requested, and ${list(of)} ${of.length === 1 ? 'has' : 'have'} ${most} in total: request fewer, widen its ranges or add a subnet to ${network}`,
        );
      const usage = of
        .map(
          (s) =>
            `${s.cidr} (${(BigInt(s.allocatable) - BigInt(s.free)).toString()} of ${s.allocatable} in use)`,
        )
        .join(', ');
      const wanted = item.count > 1 ? ` for ${item.count} addresses` : '';
      return new HeldByHosts(
        code,
        `subnet ${usage} is full${wanted}: release addresses, widen its ranges or add a subnet to ${network}`,
        {
          network,
          count: item.count,
          families: [...new Set(of.map(({ family }) => (family === 6 ? (6 as const) : (4 as const))))],
        },
        {
          data: {
            network,
            count: item.count,
            subnets: of.map(({ cidr, allocatable, free }) => ({ cidr, allocatable, free })),
          },
          retryAfterSeconds: 30,
        },
      );
    }
  }
}
