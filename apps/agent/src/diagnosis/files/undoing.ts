/** An interface that a network needs, as it should be after the next boot. */
export interface WantedLink {
  readonly name: string;
  /** Null: not known. */
  readonly mac: string | null;
  /** Of a VLAN sub-interface; null: it is a parent, which has to be there. */
  readonly vlan: { readonly id: number; readonly parent: string } | null;
  readonly promiscuous: boolean;
  /** In bytes, as the networks ask for it; null: none asks. A parent may have more. */
  readonly mtu: number | null;
  /** In bytes, as it is now; null: not known. It is what is wanted where no network asks for another. */
  readonly mtuNow: number | null;
  /** The bridge or bond that it is a port of now. */
  readonly master: string | null;
}

/** What the networks need of a host after the next boot. */
export interface Wanted {
  readonly links: readonly WantedLink[];
  /** Interfaces of the host by whose names its hooks may be called: those above, and other NICs, bonds, bridges and VLANs. */
  readonly names: readonly string[];
  /** Modules of the kernel. */
  readonly modules: readonly string[];
  /** A network has an IPv6 subnet. */
  readonly ipv6: boolean;
  /** A network asks for IPv4 forwarding. */
  readonly forwarding: boolean;
  /** Settings of the kernel as they are now, by their key: `net.ipv4.conf.all.rp_filter`. What is not here is not known. */
  readonly settings: ReadonlyMap<string, string>;
}

/** A file of the host. */
export interface HostFile {
  readonly path: string;
  readonly text: string;
}

/** A line of a file. */
export interface Place {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The line, without blanks around it. */
  readonly text: string;
}

/** A line of a file that will undo something at the next boot. */
export interface Undoing extends Place {
  /** What it undoes: `interface ens33`. */
  readonly subject: string;
  /** What becomes of it, after "it will": `not be promiscuous`. */
  readonly does: string;
}

/** A line that undoes an interface. */
export const undoing = (
  { path, line, text }: Place,
  link: Pick<WantedLink, 'name'>,
  what: string,
): Undoing => ({ path, line, text, subject: `interface ${link.name}`, does: what });

/** One setting of a file. */
export interface Setting {
  /** In lower case; `` before the first section. */
  readonly section: string;
  /** In lower case. */
  readonly key: string;
  /** Without quotes around it. */
  readonly value: string;
  readonly line: number;
  readonly text: string;
}

/** Reads `[Section]` and `Key=value` lines: systemd.syntax(7), NetworkManager's keyfiles, and the variables of ifcfg files. */
export function settingsOf(text: string): readonly Setting[] {
  let section = '';
  return text.split('\n').flatMap((whole, at) => {
    const line = whole.trim();
    const [, name] = /^\[(.+)\]$/.exec(line) ?? [];
    if (name !== undefined) section = name.toLowerCase();
    const [, key, value] = /^([\w.-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) return [];
    return [
      {
        section,
        key: key.toLowerCase(),
        value: value.replace(/^(["'])(.*)\1$/, '$2'),
        line: at + 1,
        text: line,
      },
    ];
  });
}

/** Makes one line of those that end in a backslash; each line keeps its number. */
export const joinLines = (text: string): string =>
  text.replaceAll(/(?:[^\n]*\\\n)+[^\n]*/g, (whole) => {
    const lines = whole.split(/\s*\\\n\s*/);
    return `${lines.join(' ')}${'\n'.repeat(lines.length - 1)}`;
  });

/** `no` as such files write it. */
export const isNo = (value: string): boolean => /^(?:no|false|off|0|n)$/i.test(value);

/** A shell pattern of `*`, `?` and `[…]`, and of several by `|`. */
export function isLike(pattern: string, text: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()\\]/g, String.raw`\$&`);
  const expression = escaped.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('[!', '[^');
  try {
    return new RegExp(`^(?:${expression})$`, 's').test(text);
  } catch {
    // A bracket that nothing closes stands for itself.
    return pattern === text;
  }
}

/** Whether this MTU is not what the interface should have: a parent may have more than networks ask for. */
export function isMtuWrong({ mtu, mtuNow, vlan }: WantedLink, value: string): boolean {
  const bytes = Number(value);
  if (!Number.isInteger(bytes) || bytes === 0) return false;
  if (mtu === null) return mtuNow !== null && bytes !== mtuNow;
  return vlan === null ? bytes < mtu : bytes !== mtu;
}

export const does = {
  lacksPromiscuity: 'not be promiscuous',
  staysDown: 'not be set up',
  isSetDown: 'be set down',
  isRemoved: 'be removed',
  leaves: 'be moved to another network namespace',
  hasMtu: (mtu: string) => `have an MTU of ${mtu}`,
  joins: (master: string) => `be a port of ${master}`,
  hasVlan: (id: string) => `carry VLAN ${id}`,
  standsOn: (parent: string) => `stand on ${parent}`,
  isNamed: (name: string) => `be named ${name}`,
} as const;
