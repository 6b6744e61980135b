/** One address on a link. */
export interface LinkAddress {
  readonly family: 4 | 6;
  /** Without the prefix, as the kernel writes it: `172.16.1.30`, `fe80::1`. */
  readonly address: string;
  readonly prefixLength: number;
  /** `global`, `link`, `host`, or a number the kernel has no word for. */
  readonly scope: string;
  /** The kernel uses it for nothing new, or not yet: temporary (RFC 8981), deprecated, tentative. Absent for all others. */
  readonly passing?: true;
}

/** One network interface as the kernel reports it at the moment of asking. */
export interface Link {
  readonly name: string;
  readonly ifindex: number;
  /** Lower case with colons; null for a link without a hardware address. */
  readonly mac: string | null;
  /** In bytes. */
  readonly mtu: number;
  /** Set up by an administrator (`IFF_UP`); independent of the cable. */
  readonly up: boolean;
  /** RFC 2863: `UP`, `DOWN`, `LOWERLAYERDOWN`, `DORMANT`, `UNKNOWN`, … (`UNKNOWN` is normal for lo and dummy). */
  readonly operState: string;
  /** The lower layer is there (`LOWER_UP`): cable in, peer up. Always false while the link is down. */
  readonly carrier: boolean;
  /** The promiscuous flag, as `ip link set … promisc on` sets it. */
  readonly promiscuous: boolean;
  /** How many users in the kernel hold the link promiscuous: the flag, bridges, macvlan in passthru, packet captures. */
  readonly promiscuity: number;
  /** It asks for no neighbours and answers no ARP (`NOARP`). Absent for all others. */
  readonly noArp?: true;
  /** `vlan`, `macvlan`, `bridge`, `bond`, `veth`, `dummy`, …; null for hardware (and lo). */
  readonly kind: string | null;
  /** 802.1Q tag of a `vlan` link, else null. */
  readonly vlanId: number | null;
  /** `bridge`, `private`, `vepa`, `passthru` of a `macvlan` link, else null. */
  readonly macvlanMode: string | null;
  /** The link this one stands on (vlan, macvlan); null for none, for a veth, and when it lies in another namespace. */
  readonly parent: string | null;
  /** Free text on the link; ours carry `trunkline:<id>`. */
  readonly alias: string | null;
  /** The bridge or bond that this link is a port of. */
  readonly master: string | null;
  readonly addresses: readonly LinkAddress[];
}

/** A VLAN sub-interface as it should be. */
export interface VlanSpec {
  readonly parent: string;
  readonly name: string;
  readonly vlan: number;
}

/** A macvlan link of the host itself, in mode `bridge`, as it should be. */
export interface ShimSpec {
  readonly parent: string;
  readonly name: string;
  /** By it a link of ours is known that was left without its alias. */
  readonly mac: string;
}

/**
 * The links of one network namespace. Every change is idempotent and judged by what is observed, not by what a
 * program reports: `true` when it changed something, `false` when all was so already.
 *
 * Every method that takes a name fails with `InvalidInterfaceName` before anything is run, and every one can fail with
 * `CommandFailed`.
 */
export interface Links {
  /** Every link with its addresses, in the kernel's order. */
  list(): Promise<readonly Link[]>;
  /** One link; fails with {@link LinkNotFound}. */
  get(name: string): Promise<Link>;
  /** Sets a link up; carrier and operational state follow a moment later. Fails with {@link LinkNotFound}. */
  setUp(name: string): Promise<boolean>;
  /** Sets a link down; what stands on it carries nothing from then on. Fails with {@link LinkNotFound}. */
  setDown(name: string): Promise<boolean>;
  /** Sets or clears the promiscuous flag; fails with {@link LinkNotFound}. */
  setPromiscuous(name: string, on: boolean): Promise<boolean>;
  /** Sets the MTU in bytes (68 to 65535); fails with {@link LinkNotFound}. */
  setMtu(name: string, mtu: number): Promise<boolean>;
  /** Sets the alias (at most 255 bytes of printable text; '' clears it); fails with {@link LinkNotFound}. */
  setAlias(name: string, alias: string): Promise<boolean>;
  /**
   * Makes a VLAN sub-interface, down and without an alias. Fails with {@link LinkNotFound} for the parent and with
   * {@link LinkConflict} when the name belongs to something else.
   */
  addVlan(spec: VlanSpec): Promise<boolean>;
  /**
   * Makes a shim, down and without an alias; it neither asks for nor answers for neighbours (`NOARP`), so that nobody on the wire
   * learns of its MAC. Fails with {@link LinkNotFound} for the parent and with {@link LinkConflict} when the name belongs to
   * something else.
   */
  addShim(spec: ShimSpec): Promise<boolean>;
  /**
   * Removes a link that carries this alias; a link that is gone already is fine. Fails with {@link LinkConflict} when
   * it carries another or none: what the agent did not make, it does not delete.
   */
  remove(name: string, expectedAlias: string): Promise<boolean>;
}

/** No link of this name; the message names those that exist. */
export class LinkNotFound extends Error {
  override readonly name = 'LinkNotFound';
  /** The name that was asked for. */
  readonly link: string;
  /** The links that do exist, without lo. */
  readonly existing: readonly string[];

  constructor(link: string, existing: readonly string[]) {
    const others = existing.filter((name) => name !== 'lo');
    super(
      `this host has no interface ${link}; it has ${others.length === 0 ? 'none but lo' : others.join(', ')}`,
    );
    this.link = link;
    this.existing = others;
  }
}

/** A link of this name exists and is not what was asked for. */
export class LinkConflict extends Error {
  override readonly name = 'LinkConflict';
  readonly link: string;

  constructor(link: string, reason: string) {
    super(`interface ${link} is left alone: ${reason}`);
    this.link = link;
  }
}

/** Why an existing link is not the wanted VLAN sub-interface, or null when it is. */
export function conflictOfVlan(link: Link, spec: VlanSpec): string | null {
  if (link.kind !== 'vlan') return `it exists and is ${link.kind ?? 'hardware'}, not a VLAN sub-interface`;
  if (link.vlanId !== spec.vlan) return `it carries VLAN ${link.vlanId ?? 'unknown'}, not ${spec.vlan}`;
  if (link.parent !== spec.parent) {
    return `its parent is ${link.parent ?? 'a link of another namespace'}, not ${spec.parent}`;
  }
  return null;
}

/** Why an existing link is not the wanted shim, or null when it is. */
export function conflictOfShim(link: Link, spec: ShimSpec): string | null {
  if (link.kind !== 'macvlan') return `it exists and is ${link.kind ?? 'hardware'}, not a macvlan link`;
  if (link.macvlanMode !== 'bridge') return `its mode is ${link.macvlanMode ?? 'unknown'}, not bridge`;
  if (link.mac !== spec.mac) return `its MAC is ${link.mac ?? 'unknown'}, not ${spec.mac}`;
  if (link.parent !== spec.parent) {
    return `its parent is ${link.parent ?? 'a link of another namespace'}, not ${spec.parent}`;
  }
  return null;
}

/** Fails with `RangeError` for what is no VLAN id (1 to 4094; IEEE 802.1Q reserves 0 and 4095). */
export function assertVlanId(vlan: number): void {
  if (!Number.isInteger(vlan) || vlan < 1 || vlan > 4094) {
    throw new RangeError(`${vlan} is not a VLAN id, which is 1 to 4094`);
  }
}

/** Fails with `RangeError` for what is no MTU (68, the least that RFC 791 allows, to 65535). */
export function assertMtu(mtu: number): void {
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) {
    throw new RangeError(`${mtu} is not an MTU, which is 68 to 65535`);
  }
}

/** Fails with `RangeError` for an alias that the kernel cuts (`IFALIASZ`, 255 bytes) or a terminal would act on. */
export function assertAlias(alias: string): void {
  if (Buffer.byteLength(alias) > 255 || /\p{Cc}/u.test(alias)) {
    throw new RangeError('a link alias may have at most 255 bytes and no control characters');
  }
}
