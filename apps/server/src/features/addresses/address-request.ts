import type { AddressReserve } from '@trunkline/contracts';
import { formatCidr, formatIp, isUnicastMac, parseCidr, parseIp, parseMac } from '@trunkline/netaddr';
import { invalidFields } from '../../platform/errors.ts';
import type { AllocationItem } from './allocation.ts';

const families = { ipv4: 4, ipv6: 6 } as const;

/** Canonical form of an address in a request; a text that is none is the caller's mistake. */
export function readIp(text: string, pointer: string): string {
  try {
    return formatIp(parseIp(text));
  } catch (error) {
    throw invalidFields([
      { pointer, message: error instanceof Error ? error.message : 'is not an IP address' },
    ]);
  }
}

/** Canonical form of a subnet in a request; a text that is none is the caller's mistake. */
export function readCidr(text: string, pointer: string): string {
  try {
    return formatCidr(parseCidr(text));
  } catch (error) {
    throw invalidFields([{ pointer, message: error instanceof Error ? error.message : 'is not a subnet' }]);
  }
}

/** Canonical form of an Ethernet address that one station can have. */
export function readMac(text: string, pointer: string): string {
  if (!isUnicastMac(text))
    throw invalidFields([
      {
        pointer,
        message:
          'is a group address (the lowest bit of the first byte is set): a station needs a unicast address',
      },
    ]);
  return parseMac(text);
}

/** What a request for an address asks of the allocator; with what is wrong with it, field by field. */
export function readItem(request: AddressReserve): { item: AllocationItem; family: 4 | 6 | null } {
  if (request.count !== undefined) {
    const other = (['address', 'owner', 'mac'] as const).filter((name) => request[name] !== undefined);
    if (request.count > 1 && other.length > 0)
      throw invalidFields(
        other.map((name) => ({ pointer: `/${name}`, message: 'cannot be used with count' })),
      );
  }
  const address = request.address === undefined ? undefined : readIp(request.address, '/address');
  const ofAddress = address === undefined ? undefined : parseIp(address).family;
  const asked = request.family === undefined ? undefined : families[request.family];
  if (ofAddress !== undefined && asked !== undefined && ofAddress !== asked) {
    throw invalidFields([{ pointer: '/family', message: `is not the IP version of ${address ?? ''}` }]);
  }
  return {
    family: ofAddress ?? asked ?? null,
    item: {
      count: request.count ?? 1,
      ...(address === undefined ? {} : { address }),
      ...(request.owner === undefined ? {} : { owner: request.owner }),
      ...(request.mac === undefined ? {} : { mac: readMac(request.mac, '/mac') }),
      ...(request.labels === undefined ? {} : { labels: request.labels }),
      ...(request.claim === undefined ? {} : { claim: request.claim }),
    },
  };
}

/** Owner keys that the product itself gives out; callers may look them up but not take them. */
const reservedOwner = /^container:/;

/** Refuses an owner key that callers may not take. */
export function checkOwner(owner: string | undefined, pointer: string): void {
  if (owner !== undefined && reservedOwner.test(owner)) {
    throw invalidFields([
      { pointer, message: 'begins with container:, which belongs to containers that Trunkline runs' },
    ]);
  }
}
