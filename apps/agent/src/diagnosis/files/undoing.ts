/** An interface that a network needs, as it should be after the next boot. */
export interface WantedLink {
  readonly name: string;
  /** Null: not known. */
  readonly mac: string | null;
  /** Of a VLAN sub-interface; null: it is a parent, which has to be there. */
  readonly vlan: { readonly id: number; readonly parent: string } | null;
  readonly promiscuous: boolean;
  /** In bytes; null: any. A parent may have more. */
  readonly mtu: number | null;
  /** The bridge or bond that it is a port of now. */
  readonly master: string | null;
}

/** A file of the host. */
export interface HostFile {
  readonly path: string;
  readonly text: string;
}

/** A line of a file that will undo an interface at the next boot. */
export interface Undoing {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The line, without blanks around it. */
  readonly text: string;
  readonly link: string;
  /** What becomes of the interface, after "it will": `not be promiscuous`. */
  readonly does: string;
}

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

/** `no` as such files write it. */
export const isNo = (value: string): boolean => /^(?:no|false|off|0|n)$/i.test(value);

/** Whether this MTU is not what the interface should have: a parent may have more. */
export function isMtuWrong({ mtu, vlan }: WantedLink, value: string): boolean {
  const bytes = Number(value);
  if (mtu === null || !Number.isInteger(bytes) || bytes === 0) return false;
  return vlan === null ? bytes < mtu : bytes !== mtu;
}

export const does = {
  lacksPromiscuity: 'not be promiscuous',
  staysDown: 'not be set up',
  hasMtu: (mtu: string) => `have an MTU of ${mtu}`,
  joins: (master: string) => `be a port of ${master}`,
  hasVlan: (id: string) => `carry VLAN ${id}`,
  standsOn: (parent: string) => `stand on ${parent}`,
  isNamed: (name: string) => `be named ${name}`,
} as const;
