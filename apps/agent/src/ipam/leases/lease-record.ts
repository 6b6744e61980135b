import type { AddressClaim, HeldLease, Lease, LeaseReturn } from '@trunkline/contracts';

/**
 * What the agent does with an address that this host holds. `probing`: the wire has not been asked. `free`: may be
 * given. `used`: Docker was given it. `released`: Docker released it. `kept`: no container has it, and one of this host asks
 * for exactly this address at its next start. `suspect`: the server has this host as its holder, and this
 * disk knew nothing of it. `returning`: on its way back to the server, which may have freed it already.
 */
export const leaseUses = ['probing', 'free', 'used', 'released', 'kept', 'suspect', 'returning'] as const;
export type LeaseUse = (typeof leaseUses)[number];

/** An address on the disk of this host: a copy of a row of the server that names the host. */
export interface LeaseRecord {
  readonly networkId: string;
  readonly ip: string;
  readonly subnet: string;
  /** As the server gave it; 0: taken on the word of the desired document, and yet to be claimed. */
  readonly generation: number;
  /** Whose reservation it is; null: anybody's. */
  readonly owner: string | null;
  /** Ethernet address that the reservation is for; null: any. */
  readonly mac: string | null;
  /** Who may take a reservation by its address: its owner alone, or anyone of this host; undefined: not known. */
  readonly claim?: AddressClaim | undefined;
  readonly use: LeaseUse;
  /** When that use began, milliseconds since 1970. */
  readonly since: number;
  /** Docker was given it since it was granted. */
  readonly touched: boolean;
  /** With `released` and `kept`: a look that began after the release saw no container on it. */
  readonly cleared: boolean;
  /** With `used`: how often it was granted and not released since. A hint: releases get lost. */
  readonly grants: number;
  /** With `used`: a look saw it on a container since it was granted last. Until then that grant is open. */
  readonly seen: boolean;
  /** A container of this host asks for it by name (`--ip`), whether it runs or not: nothing else is given it. */
  readonly pinned: boolean;
  /** The endpoint that it was last given for, as Docker named it. */
  readonly lastMac: string | null;
  readonly lastName: string | null;
  /** With `returning`: what the server is sent with it. */
  readonly returnAs: { readonly reason: LeaseReturn['reason']; readonly mac: string | null } | null;
}

/** Names a record: an address is held once a network. */
export type LeaseKey = string;

export function keyOf({ networkId, ip }: { readonly networkId: string; readonly ip: string }): LeaseKey {
  return `${networkId}/${ip}`;
}

/** The endpoint that an address is for, as Docker names it. */
export interface Endpoint {
  readonly mac: string | null;
  readonly name: string | null;
}

/**
 * The endpoint of a gateway that the network does not have, as earlier agents granted it (now: no-gateway.ts). No container is
 * ever seen on it, and Docker gives it back with its network. No name of a container.
 */
export const namelessGateway: Endpoint = { mac: null, name: '(gateway)' };

/**
 * The endpoint of an `--aux-address`. Docker asks for it without an Ethernet address, which the request of every container
 * has where the driver wants it (moby, libnetwork/network.go), and gives it back with its network.
 */
export const auxiliary: Endpoint = { mac: null, name: '(aux)' };

/** Granted to a Docker network itself and not to a container. */
export function isNetworksOwn({ use, lastName }: LeaseRecord): boolean {
  return use === 'used' && (lastName === namelessGateway.name || lastName === auxiliary.name);
}

/** Whether an endpoint may be a container's. */
export function isContainers({ name }: Endpoint): boolean {
  return name !== namelessGateway.name && name !== auxiliary.name;
}

/** Granted, and no look has seen a container on it yet: it may appear at any moment. */
export function isOpen(record: LeaseRecord): boolean {
  return record.use === 'used' && !record.seen && !isNetworksOwn(record);
}

/** A lease as it arrives: to be asked for on the wire first, or not to be trusted yet. */
export function arrived(lease: Lease, use: 'probing' | 'suspect', now: number): LeaseRecord {
  const { networkId, ip, subnet, generation, bound } = lease;
  return {
    networkId,
    ip,
    subnet,
    generation,
    ...rightsOf(lease),
    use,
    since: now,
    touched: bound,
    ...idle,
    lastMac: null,
    lastName: null,
    returnAs: null,
  };
}

/** For whom the server has an address that this host holds. */
export function rightsOf({ owner, mac, claim }: Lease): Pick<LeaseRecord, 'owner' | 'mac' | 'claim'> {
  return { owner, mac, claim };
}

/** The server gave it, and as far as this disk knows it is neither on its way back nor anybody's guess. */
export function isHere({ generation, use }: LeaseRecord): boolean {
  return generation > 0 && use !== 'returning' && use !== 'suspect';
}

/** The same hold, claimed again: all that this disk knows of it stays. */
export function renewed(record: LeaseRecord, lease: Lease): LeaseRecord {
  return { ...record, generation: lease.generation, ...rightsOf(lease) };
}

/**
 * The record once the server grants a lease. Whoever has the address, or may have it, keeps it: only a record that is on its way
 * back begins again, or one that an earlier answer about this very grant made `suspect`. Null: nothing new.
 */
export function takenIn(known: LeaseRecord | undefined, lease: Lease, now: number): LeaseRecord | null {
  if (known === undefined) return arrived(lease, 'probing', now);
  const isSameGrant = known.use === 'suspect' && known.generation === lease.generation;
  if (!isSameGrant && known.generation >= lease.generation) return null;
  return isSameGrant || known.use === 'returning' ? arrived(lease, 'probing', now) : renewed(known, lease);
}

/** The marks of a record that nobody was granted yet. */
export const idle = { cleared: false, grants: 0, seen: false, pinned: false } as const;

/** Docker gets it; `asked`: it named the address. */
export function given(record: LeaseRecord, endpoint: Endpoint, now: number, asked = false): LeaseRecord {
  return {
    ...moved(record, 'used', now),
    touched: true,
    grants: (record.use === 'used' ? record.grants : 0) + 1,
    pinned: record.pinned || (asked && isContainers(endpoint)),
    lastMac: endpoint.mac,
    lastName: endpoint.name,
  };
}

/** A container was seen on it, whatever its record was. */
export function seenInUse(record: LeaseRecord, now: number): LeaseRecord {
  const { lastMac, lastName } = isNetworksOwn(record) ? { lastMac: null, lastName: null } : record;
  return { ...moved(record, 'used', now), touched: true, grants: 1, seen: true, lastMac, lastName };
}

/** A container uses it, and this host does not hold it any more. */
export function unheld(record: LeaseRecord): LeaseRecord {
  return { ...record, generation: 0, owner: null, mac: null };
}

/** The container that it was granted to last was seen on it: there was nobody else when it was granted. */
export function confirmed(record: LeaseRecord): LeaseRecord {
  return { ...record, grants: 1, seen: true };
}

/** Docker gave one grant back, or nothing that it was given for came to be. */
export function released(record: LeaseRecord, now: number): LeaseRecord {
  if (record.grants > 1) return { ...record, grants: record.grants - 1 };
  return moved(record, record.pinned ? 'kept' : 'released', now);
}

/** A look after the release saw nobody on it. */
export function cleared(record: LeaseRecord): LeaseRecord {
  return { ...record, cleared: true };
}

/** A look saw nobody on it, and a container that asks for it. */
export function kept(record: LeaseRecord, now: number): LeaseRecord {
  return { ...moved(record, 'kept', now), cleared: true, pinned: true };
}

/** The container that asked for a kept one is gone, or asks no longer. */
export function unkept(record: LeaseRecord, now: number): LeaseRecord {
  return { ...moved(record, 'released', now), cleared: true, pinned: false };
}

/** The wire was asked: nobody else has it. */
export function admitted(record: LeaseRecord, now: number): LeaseRecord {
  return moved(record, 'free', now);
}

/** It goes back to the server; `foreignMac`: something answers for it on the wire. */
export function returning(record: LeaseRecord, now: number, foreignMac: string | null = null): LeaseRecord {
  const reason = foreignMac === null ? (record.touched ? 'released' : 'unused') : 'conflicted';
  return { ...moved(record, 'returning', now), returnAs: { reason, mac: foreignMac } };
}

/** The return never left this host. */
export function notReturned(record: LeaseRecord, now: number): LeaseRecord {
  return { ...moved(record, 'released', now), since: record.since, cleared: true };
}

function moved(record: LeaseRecord, use: LeaseUse, now: number): LeaseRecord {
  return { ...record, use, since: now, cleared: false, grants: 0, seen: false, returnAs: null };
}

/** As it is reported to the server; null for one that the server did not give yet. */
export function heldOf({ networkId, ip, generation }: LeaseRecord): HeldLease | null {
  return generation === 0 ? null : { networkId, ip, generation };
}

/** What returns it to the server; null where there is nothing to return. */
export function returnOf(record: LeaseRecord): LeaseReturn | null {
  const held = heldOf(record);
  return held === null || record.returnAs === null ? null : { ...held, ...record.returnAs };
}
