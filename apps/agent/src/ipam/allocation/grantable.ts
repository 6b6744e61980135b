import { ipOption } from './ip-option.ts';
import {
  isNetworksOwn,
  isOpen,
  namelessGateway,
  type Endpoint,
  type LeaseRecord,
} from '../leases/lease-record.ts';
import type { Evidence, Holder } from '../bindings/live-addresses.ts';

/*
 * Whether an address of this host may be granted (ADR 0022): the one rule for every request, whatever Ethernet address or
 * name it comes with.
 */

/** Why an address is not granted, as a sentence for whoever typed `docker run`; null: it is. Pure. */
export type WhyNot = string | null;

const instead = (ip: string): string =>
  `stop that container, choose another address, or leave ${ipOption(ip)} out`;

/**
 * Why a container of this host is taken to have the address, apart from its record. A release counts for more than what Docker
 * showed before it, and for less than what the kernel shows.
 */
export function whyLive(ip: string, { kernel, docker }: Evidence, record: LeaseRecord | undefined): WhyNot {
  if (kernel !== null && kernel !== 'unknown') return `${ip} is on ${describe(kernel)}: ${instead(ip)}`;
  const isReleased = record?.use === 'released' || record?.use === 'kept';
  if (docker === null || isReleased) return null;
  // A grant or a release since counts for more than an older look. That a lease arrived proves nothing about who has the address.
  const isJustHeld = record?.use === 'free' || record?.use === 'probing';
  if (record !== undefined && !isJustHeld && docker.at <= record.since) return null;
  return `${ip} is on ${describe(docker.holder)}: ${instead(ip)}`;
}

/** What stands against granting what this host holds. What is on its way back is not asked about. Pure. */
export function whyNot(record: LeaseRecord, evidence: Evidence, now: number): WhyNot {
  const live = whyLive(record.ip, evidence, record);
  if (live !== null) return live;
  const { ip, use } = record;
  if (record.use === 'used' && record.lastName === namelessGateway.name) {
    return `${ip} stands in on this host for the gateway, which the network does not have: choose another address, or leave ${ipOption(ip)} out; the address is free after the Docker network is replaced, which happens when no container is attached, or with a change of the network with ?force=true`;
  }
  if (isNetworksOwn(record)) {
    return `${ip} belongs to a Docker network of this host (its gateway or an --aux-address): choose another address, or leave ${ipOption(ip)} out`;
  }
  if (isOpen(record)) {
    return `${ip} was granted ${secondsSince(record, now)} s ago to ${describe({ name: record.lastName, mac: record.lastMac })} that has not appeared yet: choose another address, or leave ${ipOption(ip)} out; if that start failed, the address is free again within two minutes`;
  }
  if (use === 'suspect') {
    return `${ip} belongs to this host, and it is not known yet whether a container uses it: try again in a minute`;
  }
  if (mayBeInUse(record) && evidence.kernel === 'unknown') {
    return `${ip} was given to a container of this host, and it is not known yet whether that container has ended: try again in a few seconds, choose another address, or leave ${ipOption(ip)} out`;
  }
  return null;
}

/**
 * What stands against the MAC of a container, on account of an address that a container with this MAC was granted last. The kernel
 * refuses a MAC twice on one NIC, and not across two of them. Pure.
 */
export function whyTwin(
  record: LeaseRecord,
  { mac, name }: Endpoint,
  { kernel }: Pick<Evidence, 'kernel'>,
  now: number,
): WhyNot {
  const { ip } = record;
  if (kernel !== null && kernel !== 'unknown' && kernel.mac === mac)
    return `the Ethernet address ${mac} is on container ${kernel.name ?? ip} of this host, with ${ip}: stop that one, or choose another --mac-address`;
  // A container that starts again is not its own twin.
  if (name !== null && name === record.lastName) return null;
  if (isOpen(record))
    return `the Ethernet address ${mac} was granted ${secondsSince(record, now)} s ago with ${ip} to a container of this host that has not appeared yet: choose another --mac-address; if that start failed, it is free again within two minutes`;
  if (mayBeInUse(record) && kernel === 'unknown')
    return `the Ethernet address ${mac} was given to a container of this host with ${ip}, and it is not known yet whether that container has ended: try again in a few seconds, or choose another --mac-address`;
  return null;
}

const secondsSince = ({ since }: LeaseRecord, now: number): number =>
  Math.max(0, Math.round((now - since) / 1000));

/** Somebody was granted it, and only a look shows that this has ended: the kernel's now, or one that ended since. */
const mayBeInUse = ({ use, cleared }: LeaseRecord): boolean =>
  use === 'used' || ((use === 'released' || use === 'kept') && !cleared);

function describe({ name, mac }: Holder): string {
  const who = name === null ? 'a container of this host' : `container ${name}`;
  return mac === null ? who : `${who} (Ethernet address ${mac})`;
}
