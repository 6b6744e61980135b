import { containerSettings, type ContainerCreate, type SettingValues } from '@trunkline/contracts';
import { formatIp, InvalidAddress, isUnicastMac, parseIp, parseMac } from '@trunkline/netaddr';
import type { FieldError } from '../../platform/errors.ts';
import { invalidFields } from '../../platform/errors.ts';
import { wholeValues } from '../../platform/settings.ts';

/** What a container is made from, apart from its networks. */
export type ContainerSpec = SettingValues<typeof containerSettings>;

/** A place on a network, as asked for. Addresses canonical, MAC in lower case with colons. */
export interface AttachmentRequest {
  network: string;
  address?: string;
  address6?: string;
  mac?: string;
}

/** A container that is asked for. */
export interface ContainerRequest {
  name: string;
  host: string;
  labels: Record<string, string>;
  spec: ContainerSpec;
  attachments: AttachmentRequest[];
  /** Name of the container whose network stack it shares, instead of attachments. */
  sharesStackOf: string | null;
}

type AddFault = (pointer: string, message: string) => void;

/** Reads a request; throws all that is wrong with it that can be seen without the database. */
export function readContainer(input: ContainerCreate): ContainerRequest {
  const faults: FieldError[] = [];
  const addFault: AddFault = (pointer, message) => void faults.push({ pointer, message });
  const sharesStackOf = input.networkMode?.slice('container:'.length) ?? null;
  const given = input.attachments ?? [];
  if (given.length > 0 && sharesStackOf !== null)
    addFault(
      '/networkMode',
      'cannot be used with attachments: a container that shares a stack has no networks of its own',
    );
  if (given.length === 0 && sharesStackOf === null)
    addFault(
      '/attachments',
      'must have at least one network, unless networkMode shares the stack of another container',
    );
  if (sharesStackOf === input.name) addFault('/networkMode', 'names the container itself');
  if (sharesStackOf !== null && input.hostname !== undefined)
    addFault(
      '/hostname',
      'cannot be used with networkMode: the host name belongs to the stack that is shared',
    );
  const attachments = given.map((attachment, i) => readAttachment(attachment, `/attachments/${i}`, addFault));
  for (const [i, { network }] of attachments.entries()) {
    if (attachments.findIndex((other) => other.network === network) < i)
      addFault(
        `/attachments/${i}/network`,
        `names ${network} a second time: a container has one attachment per network`,
      );
  }
  if (faults.length > 0) throw invalidFields(faults);
  return {
    name: input.name,
    host: input.host,
    labels: input.labels ?? {},
    spec: wholeValues(containerSettings, input),
    attachments,
    sharesStackOf,
  };
}

function readAttachment(given: AttachmentRequest, at: string, addFault: AddFault): AttachmentRequest {
  const address = reading(given.address, `${at}/address`, addFault, canonicalIp);
  const address6 = reading(given.address6, `${at}/address6`, addFault, canonicalIp);
  const mac = reading(given.mac, `${at}/mac`, addFault, parseMac);
  if (address6?.includes(':') === false) addFault(`${at}/address6`, 'is not an IPv6 address');
  if (mac !== undefined && !isUnicastMac(mac))
    addFault(
      `${at}/mac`,
      'is not a unicast address: the lowest bit of its first byte must be 0, and the address must not be all zeros',
    );
  return {
    network: given.network,
    ...(address === undefined ? {} : { address }),
    ...(address6 === undefined ? {} : { address6 }),
    ...(mac === undefined ? {} : { mac }),
  };
}

const canonicalIp = (text: string): string => formatIp(parseIp(text));

/** What `parse` reads; undefined when there is nothing, or, with a fault, when it cannot be read. */
function reading(
  text: string | undefined,
  at: string,
  addFault: AddFault,
  parse: (text: string) => string,
): string | undefined {
  try {
    return text === undefined ? undefined : parse(text);
  } catch (error) {
    if (!(error instanceof InvalidAddress)) throw error;
    addFault(at, error.message);
    return undefined;
  }
}

/** An address to reserve for a container: this one, or the next free. */
export interface Reservation {
  family: 'ipv4' | 'ipv6';
  address?: string;
}

/**
 * The addresses that a place on a network takes: one of each IP version that the network has. `address` is IPv4 where
 * the network has it. Adds a fault for what does not fit.
 */
export function reservationsFor(
  request: AttachmentRequest,
  families: readonly (4 | 6)[],
  at: string,
): { reservations: Reservation[]; faults: FieldError[] } {
  const faults: FieldError[] = [];
  const addFault: AddFault = (pointer, message) => void faults.push({ pointer, message });
  const has = (family: 4 | 6): boolean => families.includes(family);
  const isV6 = request.address?.includes(':') === true;
  if (request.address !== undefined && isV6 && has(4)) {
    addFault(
      `${at}/address`,
      has(6)
        ? 'is the IPv4 address on this network: send the IPv6 address as address6'
        : `is IPv6; network ${request.network} has IPv4 only`,
    );
  }
  if (request.address !== undefined && !isV6 && !has(4))
    addFault(`${at}/address`, `is IPv4; network ${request.network} has IPv6 only`);
  // What GET answers of a network with IPv6 only has its address here.
  const isOnlyV6 = request.address6 !== undefined && request.address === undefined && has(6) && !has(4);
  if (request.address6 !== undefined && !(has(4) && has(6)) && !isOnlyV6) {
    addFault(
      `${at}/address6`,
      has(6)
        ? `is for networks with both; ${request.network} has IPv6 only: send it as address`
        : `is IPv6; network ${request.network} has IPv4 only`,
    );
  }
  const v6 = has(4) || isOnlyV6 ? request.address6 : request.address;
  const reservations: Reservation[] = [];
  if (has(4))
    reservations.push({
      family: 'ipv4',
      ...(request.address === undefined ? {} : { address: request.address }),
    });
  if (has(6)) reservations.push({ family: 'ipv6', ...(v6 === undefined ? {} : { address: v6 }) });
  return { reservations, faults };
}
