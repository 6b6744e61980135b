import type { DesiredDocument } from '@trunkline/contracts';
import type { AddressBook } from '../allocation/address-book.ts';
import { gatewayOf } from '../allocation/decide-address.ts';
import { auxiliary, type Endpoint } from '../leases/lease-record.ts';
import { noGateway } from '../../observation/no-gateway.ts';
import { gatewayType, readAddressCall, readPoolId, readPoolRequest } from './plugin-protocol.ts';
import {
  addressIn,
  addressOf,
  parsePoolId,
  poolId,
  requestPool,
  withMask,
  type Pool,
} from '../allocation/pools.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

/** An answer to Docker, and what to undo where it could not be delivered. */
export interface DriverAnswer {
  readonly body: Readonly<Record<string, unknown>>;
  readonly rollback?: () => Promise<void>;
}

/** The methods of Docker's protocol, by their paths. A body is what Docker sent, read as JSON; null for a call without one. */
export type Driver = Readonly<
  Record<
    string,
    | { readonly body: false; readonly call: () => DriverAnswer }
    | {
        readonly body: true;
        readonly call: (body: Readonly<Record<string, unknown>>) => DriverAnswer | Promise<DriverAnswer>;
      }
  >
>;

/** What the driver works with. Nothing of it may ask Docker, which waits for the answer. */
export interface DriverDeps {
  readonly book: AddressBook;
  readonly desired: () => DesiredDocument | null;
  readonly isHeld: (networkId: string) => boolean;
  /** Why a container on the network would cut this host off; null: it would not. */
  readonly whyHarmful: (networkId: string) => Promise<string | null>;
}

const nothing: DriverAnswer = { body: {} };

/** Docker's IPAM driver. Its calls fail with {@link DriverRefusal}. */
export function createDriver({ book, desired, isHeld, whyHarmful }: DriverDeps): Driver {
  return {
    '/Plugin.Activate': { body: false, call: () => ({ body: { Implements: ['IpamDriver'] } }) },
    '/IpamDriver.GetCapabilities': {
      body: false,
      // Nothing is repeated when Docker starts: what was given is on the agent's own disk.
      call: () => ({ body: { RequiresMACAddress: true, RequiresRequestReplay: false } }),
    },
    '/IpamDriver.GetDefaultAddressSpaces': {
      body: false,
      call: () => ({
        body: {
          LocalDefaultAddressSpace: 'trunkline-local',
          GlobalDefaultAddressSpace: 'trunkline-global',
        },
      }),
    },
    '/IpamDriver.RequestPool': {
      body: true,
      call: (body) => {
        const pool = requestPool(readPoolRequest(body), desired(), isHeld);
        return { body: { PoolID: poolId(pool), Pool: pool.subnet, Data: dataOf(pool, desired()) } };
      },
    },
    '/IpamDriver.ReleasePool': {
      body: true,
      call: (body) => {
        parsePoolId(readPoolId(body));
        return nothing;
      },
    },
    '/IpamDriver.RequestAddress': {
      body: true,
      call: async (body) => {
        const { poolId: id, address, isGateway, endpoint } = readAddressCall(body);
        const pool = parsePoolId(id);
        if (isGateway) return addressAnswer(gatewayFor(pool, address, desired()));
        const harm = await whyHarmful(pool.networkId);
        if (harm !== null) throw new DriverRefusal(harm);
        const asked = address === '' ? null : address;
        const { ip, subnet, rollback } = await book.request(pool, asked, whoseOf(endpoint));
        return { ...addressAnswer(withMask({ ...pool, subnet }, ip)), rollback };
      },
    },
    '/IpamDriver.ReleaseAddress': {
      body: true,
      call: async (body) => {
        const pool = parsePoolId(readPoolId(body));
        const { address } = readAddressCall(body);
        if (address !== '') await book.release(pool, address);
        return nothing;
      },
    },
  };
}

/** Whatever is asked for without an Ethernet address is for no container. */
function whoseOf(endpoint: Endpoint): Endpoint {
  return endpoint.mac === null ? auxiliary : endpoint;
}

function addressAnswer(cidr: string): DriverAnswer {
  return { body: { Address: cidr, Data: {} } };
}

/** Where the network has a gateway, Docker then knows it also when nobody named it (`--gateway`). */
function dataOf(pool: Pool, desired: DesiredDocument | null): Readonly<Record<string, string>> {
  const gateway = gatewayOf(pool, desired);
  return gateway === null ? {} : { [gatewayType]: withMask(pool, gateway) };
}

/**
 * The gateway as Docker wants it, with a mask. It is nobody's lease: the server gives it to no container. Where the network
 * has none, what stands for it; Docker names that again when it restores the network.
 */
function gatewayFor(pool: Pool, asked: string, desired: DesiredDocument | null): string {
  const known = gatewayOf(pool, desired);
  if (asked === '') return known === null ? noGateway[pool.family].cidr : withMask(pool, known);
  if (known === null && addressOf(asked) === noGateway[pool.family].ip) return noGateway[pool.family].cidr;
  const ip = addressIn(pool, asked);
  if (known === null || ip === known) return withMask(pool, ip);
  throw new DriverRefusal(`${ip} is not the gateway of ${pool.subnet}: the Trunkline network has ${known}`);
}
