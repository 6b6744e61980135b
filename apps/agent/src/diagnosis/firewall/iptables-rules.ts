import { ownerOf, quoted, type DropPoint } from './drop-point.ts';
import type { Passage } from './nft-rules.ts';
import {
  both,
  fitOfFamily,
  fitOfIcmpType,
  fitOfInterface,
  fitOfOtherInterface,
  fitOfProtocol,
  fitOfRange,
  fitOutside,
  rangeFrom,
  type Fit,
  type Packets,
} from './packets.ts';

/** What of iptables is looked at, in one network namespace. */
export interface IptablesView {
  readonly packets: Packets;
  readonly passage: (hook: string) => Passage;
  readonly family: 4 | 6;
  /** The program that the rules are changed with: `iptables`, `ip6tables-legacy`, `nsenter -t 42 -n iptables`. */
  readonly program: string;
}

interface SavedRule {
  readonly chain: string;
  /** The whole rule after `-A chain`. */
  readonly words: readonly string[];
  readonly packets: number | null;
}

interface SavedTable {
  readonly name: string;
  readonly policies: ReadonlyMap<string, { readonly policy: string; readonly packets: number | null }>;
  readonly rules: readonly SavedRule[];
}

/** Reads what `iptables-save -c` prints, of either kind of iptables. Lines that it does not know are passed over. */
export function parseSaved(stdout: string): readonly SavedTable[] {
  const tables: {
    name: string;
    policies: Map<string, { policy: string; packets: number | null }>;
    rules: SavedRule[];
  }[] = [];
  for (const line of stdout.split('\n')) {
    const [, name] = /^\*(\S+)/.exec(line) ?? [];
    if (name !== undefined) tables.push({ name, policies: new Map(), rules: [] });
    const table = tables.at(-1);
    if (table === undefined) continue;
    const [, chain, policy, packets] = /^:(\S+) (\S+)(?: \[(\d+):\d+\])?/.exec(line) ?? [];
    if (chain !== undefined && policy !== undefined)
      table.policies.set(chain, { policy, packets: count(packets) });
    const [, counted, target, rest] = /^(?:\[(\d+):\d+\] )?-A (\S+) ?(.*)$/.exec(line) ?? [];
    if (target !== undefined) {
      table.rules.push({ chain: target, words: wordsOf(rest ?? ''), packets: count(counted) });
    }
  }
  return tables;
}

const count = (digits: string | undefined): number | null => (digits === undefined ? null : Number(digits));

/** Words as iptables-save quotes them: in double quotes, with `\"` for one inside. */
function wordsOf(rest: string): readonly string[] {
  return [...rest.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, inQuotes, bare]) => bare ?? (inQuotes ?? '').replaceAll(/\\(.)/g, '$1'),
  );
}

/** Targets after which the kernel goes no further with the packet. */
const taking = ['DROP', 'REJECT', 'NFQUEUE', 'QUEUE', 'TARPIT', 'STEAL'];

/** Rules and policies that take packets of the diagnosis away, each once. */
export function savedDropPoints(tables: readonly SavedTable[], view: IptablesView): readonly DropPoint[] {
  const found = new Map<string, DropPoint>();
  for (const table of tables) {
    for (const [chain, { policy, packets }] of table.policies) {
      // `-` is what a chain has that somebody made.
      if (policy === '-') continue;
      const passage = view.passage(chain.toLowerCase());
      const start = fitOfFamily(view.family, view.packets);
      if (passage === 'none' || start === 'no') continue;
      const isOnPath = passage === 'all';
      const add = (point: DropPoint): void => {
        if (!found.has(point.key) || isOnPath) found.set(point.key, point);
      };
      for (const point of walk(table, chain, start, view)) add({ ...point, isOnPath });
      if (policy === 'DROP') add({ ...pointOfPolicy(table.name, chain, packets, view), isOnPath });
    }
  }
  return [...found.values()];
}

function walk(
  table: SavedTable,
  base: string,
  start: Fit,
  view: IptablesView,
): readonly Omit<DropPoint, 'isOnPath'>[] {
  const seen = new Set<string>();
  const points: Omit<DropPoint, 'isOnPath'>[] = [];
  const visit = (chain: string, fit: Fit): void => {
    if (seen.has(chain)) return;
    seen.add(chain);
    for (const rule of table.rules) {
      if (rule.chain !== chain) continue;
      const reached = both(fit, fitOfWords(rule.words, view));
      if (reached === 'no') continue;
      const target = targetOf(rule.words);
      if (target === null) continue;
      if (taking.includes(target)) points.push(pointOfRule(table.name, rule, reached, view));
      else if (table.policies.has(target)) visit(target, reached);
    }
  };
  visit(base, start);
  return points;
}

function targetOf(words: readonly string[]): string | null {
  const at = words.findIndex((word) => word === '-j' || word === '-g');
  return at === -1 ? null : (words[at + 1] ?? null);
}

/** The conditions of a rule that are known here; the others may be true. */
function fitOfWords(words: readonly string[], { packets, family }: IptablesView): Fit {
  return words.reduce<Fit>((fit, word, at) => {
    const value = words[at + 1] ?? '';
    const isNot = words[at - 1] === '!';
    return both(fit, fitOfOption(word, value, isNot, packets, family));
  }, 'any');
}

function fitOfOption(option: string, value: string, isNot: boolean, packets: Packets, family: 4 | 6): Fit {
  const within = { ...packets, cidrs: packets.cidrs.filter((cidr) => cidr.family === family) };
  switch (option) {
    case '-s':
    case '-d': {
      const range = rangeFrom(value);
      return isNot ? fitOutside([range], within) : fitOfRange(range, within);
    }
    case '-i':
    case '-o':
    case '--physdev-in':
    case '--physdev-out':
      return isNot ? fitOfOtherInterface([value], packets) : fitOfInterface(value, packets);
    case '-p':
      return isNot ? 'any' : fitOfProtocol(value, packets);
    case '--icmp-type':
      return isNot ? 'any' : fitOfIcmpType(4, value, packets);
    case '--icmpv6-type':
      return isNot ? 'any' : fitOfIcmpType(6, value, packets);
    default:
      return 'any';
  }
}

function pointOfRule(
  table: string,
  { chain, words, packets }: SavedRule,
  fit: Exclude<Fit, 'no'>,
  { program, family }: IptablesView,
): Omit<DropPoint, 'isOnPath'> {
  const text = words.map(quoted).join(' ');
  const subject = `${programName(program)} table ${table}, chain ${chain}`;
  return {
    key: `IPv${family} ${subject} ${text}`,
    subject,
    what: `a rule of ${programName(program)}`,
    text: `-A ${chain} ${text}`,
    packets,
    fit,
    remedy: `${program} -t ${table} -D ${quoted(chain)} ${text}`,
    owner: ownerOf(chain),
  };
}

function pointOfPolicy(
  table: string,
  chain: string,
  packets: number | null,
  { program, family }: IptablesView,
): Omit<DropPoint, 'isOnPath'> {
  const subject = `${programName(program)} table ${table}, policy of chain ${chain}`;
  return {
    key: `IPv${family} ${subject}`,
    subject,
    what: `the policy of a chain of ${programName(program)}`,
    text: `-P ${chain} DROP`,
    packets,
    fit: 'any',
    ...(chain === 'FORWARD' ? { isForwardPolicy: true } : {}),
    remedy: `${program} -t ${table} -P ${chain} ACCEPT`,
    owner: null,
  };
}

/** Without the way into the namespace. */
const programName = (program: string): string => program.split(' ').at(-1) ?? program;
