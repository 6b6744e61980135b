import type { Fit } from './packets.ts';

/** A rule, policy or queue that takes packets away, as of one look. */
export interface DropPoint {
  /** The same in every look. */
  readonly key: string;
  /** What it is, on this host: `nftables netdev guard, chain in, handle 4`. */
  readonly subject: string;
  /** What it does, as a noun: `a rule of nftables`. */
  readonly what: string;
  /** How it is written: `arp operation request counter drop`. */
  readonly text: string;
  /** Packets that it took so far; null: it has no counter that says so. */
  readonly packets: number | null;
  readonly fit: Exclude<Fit, 'no'>;
  /** Every packet of the diagnosis that it fits goes past it. False: some may, as where the host routes for its containers. */
  readonly isOnPath: boolean;
  /** Takes packets away also where all is well, as a queue that is full does: alone, that is no finding. */
  readonly isOrdinary?: true;
  /** The policy of a chain that forwarded packets of IPv4 or IPv6 go through. */
  readonly isForwardPolicy?: true;
  /** The command that takes it out. */
  readonly remedy: string;
  /** The program that made it, where its names tell. */
  readonly owner: string | null;
}

/** Who gives tables and chains such names. */
const owners: readonly (readonly [RegExp, string])[] = [
  [/^firewalld$/, 'firewalld'],
  [/^ufw6?-/, 'ufw'],
  [/^DOCKER/, 'Docker'],
  [/^docker-bridges$/, 'Docker'],
  [/^LIBVIRT_|^libvirt_network$/, 'libvirt'],
  [/^f2b-/, 'fail2ban'],
  [/^KUBE-/, 'Kubernetes'],
  [/^cali-/, 'Calico'],
  [/^CNI-/, 'CNI'],
];

/** The program that a table or chain of such a name belongs to; null: not known. */
export function ownerOf(...names: readonly string[]): string | null {
  return owners.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? null;
}

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
