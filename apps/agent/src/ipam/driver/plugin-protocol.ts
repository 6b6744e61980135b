import { parseMac } from '@trunkline/netaddr';
import { record, strings, text } from '../../host/json-read.ts';
import type { Endpoint } from '../leases/lease-record.ts';
import type { PoolRequest } from '../allocation/pools.ts';
import { DriverRefusal } from '../allocation/refusal.ts';

/*
 * Bodies of Docker's IPAM driver protocol (moby, libnetwork/docs/ipam.md and libnetwork/ipams/remote/api). Docker's own
 * retry sends an empty body when the driver died after reading the first: whatever names no pool is refused.
 */

/** A call for an address. */
export interface AddressCall {
  readonly poolId: string;
  /** '' without. */
  readonly address: string;
  readonly isGateway: boolean;
  readonly endpoint: Endpoint;
}

export const gatewayType = 'com.docker.network.gateway';
const typeOption = 'RequestAddressType';
const macOption = 'com.docker.network.endpoint.macaddress';
/** Longest name of a container that is kept, in characters. */
const maxName = 255;
/** From Engine 29.0. */
const nameOption = 'com.docker.network.endpoint.name';

/** Reads a body as JSON. Fails with {@link DriverRefusal}. */
export function readBody(body: string): Readonly<Record<string, unknown>> {
  if (body.trim() === '') {
    throw new DriverRefusal(
      'the Trunkline agent was restarted while this container was started: start it again',
    );
  }
  try {
    return record(JSON.parse(body));
  } catch {
    throw new DriverRefusal('the body of the call is not JSON');
  }
}

export function readPoolRequest(body: Readonly<Record<string, unknown>>): PoolRequest {
  return {
    subnet: text(body['Pool']) ?? '',
    range: text(body['SubPool']) ?? '',
    options: strings(body['Options']),
    ipv6: body['V6'] === true,
  };
}

export function readPoolId(body: Readonly<Record<string, unknown>>): string {
  const poolId = text(body['PoolID']) ?? '';
  if (poolId === '') throw new DriverRefusal('the call names no pool (PoolID)');
  return poolId;
}

export function readAddressCall(body: Readonly<Record<string, unknown>>): AddressCall {
  const options = strings(body['Options']);
  const mac = options[macOption] ?? '';
  const name = options[nameOption] ?? '';
  return {
    poolId: readPoolId(body),
    address: text(body['Address']) ?? '',
    isGateway: options[typeOption] === gatewayType,
    // It is written down and shown again: what is longer than any name of Docker's is none.
    endpoint: {
      mac: mac === '' ? null : parseMac(mac),
      name: name === '' || name.length > maxName ? null : name,
    },
  };
}
