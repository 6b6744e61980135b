import { unknown } from './expand.ts';
import type { Command } from './run.ts';

/** What a command does to an interface. */
export type LinkChange =
  | { readonly kind: 'promiscuous'; readonly on: boolean }
  | { readonly kind: 'up'; readonly on: boolean }
  | { readonly kind: 'mtu'; readonly bytes: string }
  /** Null: it leaves its bridge or bond. */
  | { readonly kind: 'master'; readonly name: string | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'namespace' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'vlan'; readonly id: string; readonly parent: string | null };

/** What a command does, to an interface, a setting of the kernel, or a module of it. */
export type Effect =
  | { readonly of: 'link'; readonly name: string; readonly change: LinkChange }
  | { readonly of: 'setting'; readonly key: string; readonly value: string }
  | { readonly of: 'module'; readonly name: string; readonly loaded: boolean };

/** What a command does, by its words. Of one that is not here nothing is known. */
export function effectsOf({ words, writesTo }: Pick<Command, 'words' | 'writesTo'>): readonly Effect[] {
  const [program = '', ...args] = words;
  const tool = Object.hasOwn(tools, baseOf(program)) ? tools[baseOf(program)] : undefined;
  return [...(tool?.(args) ?? []), ...(writesTo === null ? [] : written(program, args, writesTo))];
}

const baseOf = (program: string): string => program.slice(program.lastIndexOf('/') + 1);
const ofLink = (name: string | undefined, ...changes: readonly LinkChange[]): readonly Effect[] =>
  name === undefined || name.includes(unknown)
    ? []
    : changes
        .filter((change) => !Object.values(change).some((value) => `${value}`.includes(unknown)))
        .map((change) => ({ of: 'link', name, change }) as const);
const up = (on: boolean): LinkChange => ({ kind: 'up', on });
const joins = (name: string | null): LinkChange => ({ kind: 'master', name });
const deleted: LinkChange = { kind: 'deleted' };

const tools: Readonly<Record<string, (args: readonly string[]) => readonly Effect[]>> = {
  ip: ofIp,
  ifconfig: ofIfconfig,
  ifup: (args) => named(args).flatMap((name) => ofLink(name, up(true))),
  ifdown: (args) => named(args).flatMap((name) => ofLink(name, up(false))),
  brctl: ([verb, bridge = '', ...ports]) =>
    verb === 'addif' || verb === 'delif'
      ? ports.flatMap((port) => ofLink(port, joins(verb === 'addif' ? bridge : null)))
      : [],
  ifenslave: (args) => {
    const [bond = '', ...ports] = named(args);
    const leaves = args.some((one) => one === '-d' || one === '--detach');
    return ports.flatMap((port) => ofLink(port, joins(leaves ? null : bond)));
  },
  'ovs-vsctl': (args) => {
    const [verb, bridge = '', port] = named(args);
    return verb === 'add-port' ? ofLink(port, joins(bridge)) : [];
  },
  nmcli: (args) => {
    const [object = '', verb = '', name] = named(args);
    const isDevice = isShort(object, 'device', 1);
    if (isDevice && (isShort(verb, 'disconnect', 2) || verb === 'down')) return ofLink(name, up(false));
    return isDevice && (isShort(verb, 'connect', 1) || verb === 'up') ? ofLink(name, up(true)) : [];
  },
  networkctl: ([verb, ...names]) =>
    verb === 'down' || verb === 'up' ? names.flatMap((name) => ofLink(name, up(verb === 'up'))) : [],
  vconfig: ([verb, name]) => (verb === 'rem' ? ofLink(name, deleted) : []),
  sysctl: (args) =>
    args.flatMap((one) => {
      const [, key, value] = /^([^=\s]+)\s*=\s*(\S+)$/.exec(one) ?? [];
      return key === undefined || value === undefined ? [] : [{ of: 'setting', key, value } as const];
    }),
  modprobe: (args) => {
    const removes = args.some((one) => /^(?:-\w*r\w*|--remove)$/.test(one));
    return named(args).map((name) => ({ of: 'module', name, loaded: !removes }) as const);
  },
  rmmod: (args) => named(args).map((name) => ({ of: 'module', name, loaded: false }) as const),
};

const telling = new RegExp(String.raw`\b(?:${Object.keys(tools).join('|')})\b|/(?:sys/class/net|proc/sys)/`);

/** Whether a script has a command with an effect at all: most have none, and need not be run through. */
export const mayHaveEffects = (text: string): boolean => telling.test(text);

/** Arguments that are no options. */
const named = (args: readonly string[]): readonly string[] => args.filter((one) => !one.startsWith('-'));
/** `l` for `link`, as ip(8) and nmcli(1) take it. */
const isShort = (word: string, whole: string, least: number): boolean =>
  word.length >= least && whole.startsWith(word);

function ofIp(all: readonly string[]): readonly Effect[] {
  let args = all;
  while (args[0]?.startsWith('-') === true) {
    // Another network namespace is not that of the host.
    if (/^-(?:n|netns)$/.test(args[0])) return [];
    args = args.slice(/^-(?:f|family|rc|rcvbuf|l|loops)$/.test(args[0]) ? 2 : 1);
  }
  const [object = '', verb = '', ...rest] = args;
  if (!isShort(object, 'link', 1)) return [];
  if (isShort(verb, 'set', 1) || isShort(verb, 'change', 1)) return ofIpLinkSet(rest);
  if (isShort(verb, 'delete', 1)) return ofLink(rest[0] === 'dev' ? rest[1] : rest[0], deleted);
  return isShort(verb, 'add', 1) ? ofIpLinkAdd(rest) : [];
}

/** Words of `ip link set` with a value after them that changes nothing here (ip-link(8)). */
const withValue =
  /^(?:address|addr|broadcast|brd|alias|txqueuelen|txqlen|qlen|link-netnsid|arp|dynamic|multicast|allmulticast|trailers|carrier|state|mode|group|numtxqueues|numrxqueues|addrgenmode|protodown)$/;

function ofIpLinkSet(args: readonly string[]): readonly Effect[] {
  const changes: LinkChange[] = [];
  let name: string | undefined;
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? '';
    const value = args[at + 1] ?? '';
    if (word === 'up' || word === 'down') changes.push(up(word === 'up'));
    else if (word === 'nomaster') changes.push(joins(null));
    else if (/^(?:type|vf|xdp\w*)$/.test(word)) break;
    else {
      const change = changeOf(word, value);
      if (change !== null) changes.push(change);
      if (change !== null || withValue.test(word)) at += 1;
      else if (word === 'dev') {
        name = value;
        at += 1;
      } else if (!word.includes(unknown)) name = word;
    }
  }
  return ofLink(name, ...changes);
}

function changeOf(word: string, value: string): LinkChange | null {
  switch (word) {
    case 'promisc':
      return { kind: 'promiscuous', on: value !== 'off' };
    case 'mtu':
      return { kind: 'mtu', bytes: value };
    case 'master':
      return joins(value);
    case 'name':
      return { kind: 'name', name: value };
    case 'netns':
      return { kind: 'namespace' };
    default:
      return null;
  }
}

/** A VLAN sub-interface: `ip link add link ens33 name ens33.10 type vlan id 10`. */
function ofIpLinkAdd(args: readonly string[]): readonly Effect[] {
  const after = (word: string): string | undefined =>
    args.includes(word) ? args[args.indexOf(word) + 1] : undefined;
  const id = after('id');
  if (after('type') !== 'vlan' || id === undefined) return [];
  const name = after('name') ?? after('dev') ?? args[0];
  return ofLink(name, { kind: 'vlan', id, parent: after('link') ?? null });
}

function ofIfconfig(args: readonly string[]): readonly Effect[] {
  const [name, ...words] = args.filter((one) => one !== '-v');
  return words.flatMap((word, at): readonly Effect[] => {
    switch (word) {
      case 'promisc':
      case '-promisc':
        return ofLink(name, { kind: 'promiscuous', on: word === 'promisc' });
      case 'up':
      case 'down':
        return ofLink(name, up(word === 'up'));
      case 'mtu':
        return ofLink(name, { kind: 'mtu', bytes: words[at + 1] ?? '' });
      default:
        return [];
    }
  });
}

/** `echo 1400 > /sys/class/net/ens33/mtu`. */
function written(program: string, args: readonly string[], path: string): readonly Effect[] {
  const value = named(args).at(-1)?.trim();
  if (!/^(?:echo|printf)$/.test(baseOf(program)) || value === undefined || value.includes(unknown)) return [];
  const [, name] = /^\/sys\/class\/net\/([^/]+)\/mtu$/.exec(path) ?? [];
  if (name !== undefined) return ofLink(name, { kind: 'mtu', bytes: value.replace(/\\n$/, '') });
  const [, key] = /^\/proc\/sys\/(.+)$/.exec(path) ?? [];
  return key === undefined || key.includes(unknown)
    ? []
    : [{ of: 'setting', key, value: value.replace(/\\n$/, '') }];
}
