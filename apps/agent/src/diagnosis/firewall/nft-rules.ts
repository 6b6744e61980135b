import { list, number, record, text, type JsonRecord } from '../../host/json-read.ts';
import { ownerOf, quoted, type DropPoint } from './drop-point.ts';
import { fitOfMatch, fitOfVerdictKey } from './nft-match.ts';
import type { NftTexts } from './nft-texts.ts';
import { both, type Fit, type Packets } from './packets.ts';

/** How the packets of a diagnosis pass a hook: all of them, perhaps some, or none. */
export type Passage = 'all' | 'some' | 'none';

/** What of nftables is looked at, in one network namespace. */
export interface NftView {
  readonly packets: Packets;
  readonly passage: (family: string, hook: string) => Passage;
  /** Tables that iptables made, which are read from iptables: `ip filter`. */
  readonly ignored: ReadonlySet<string>;
  /** How the programs of that namespace are run: `` or `nsenter -t 42 -n `. */
  readonly prefix: string;
  readonly texts: NftTexts;
}

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly handle: number;
  readonly hook: string | null;
  readonly policy: string | null;
  /** Where it hangs on interfaces; null: not said. */
  readonly devices: readonly string[] | null;
}

interface Rule {
  readonly handle: number;
  readonly expressions: readonly JsonRecord[];
}

/** A ruleset of nftables as `nft -j list ruleset` has it (libnftables-json(5)). */
export interface NftRuleset {
  readonly chains: readonly Chain[];
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  /** Named counters. */
  readonly counters: ReadonlyMap<string, number>;
}

/** Reads `nft -j list ruleset`. Fails with `SyntaxError` for what is no JSON. */
export function parseRuleset(stdout: string): NftRuleset {
  const chains: Chain[] = [];
  const rules = new Map<string, Rule[]>();
  const counters = new Map<string, number>();
  for (const entry of list(record(JSON.parse(stdout))['nftables']).map(record)) {
    const chain = record(entry['chain']);
    const rule = record(entry['rule']);
    const counter = record(entry['counter']);
    if (text(chain['name']) !== null) chains.push(chainOf(chain));
    if (text(rule['chain']) !== null) {
      const key = `${tableOf(rule)} ${text(rule['chain'])}`;
      const one = { handle: number(rule['handle']) ?? 0, expressions: list(rule['expr']).map(record) };
      rules.set(key, [...(rules.get(key) ?? []), one]);
    }
    if (text(counter['name']) !== null) {
      counters.set(`${tableOf(counter)} ${text(counter['name'])}`, number(counter['packets']) ?? 0);
    }
  }
  return { chains, rules, counters };
}

const tableOf = (entry: JsonRecord): string => `${text(entry['family'])} ${text(entry['table'])}`;

function chainOf(entry: JsonRecord): Chain {
  const device = entry['dev'];
  const devices = (typeof device === 'string' ? [device] : list(device)).flatMap((name) => text(name) ?? []);
  return {
    family: text(entry['family']) ?? '',
    table: text(entry['table']) ?? '',
    name: text(entry['name']) ?? '',
    handle: number(entry['handle']) ?? 0,
    hook: text(entry['hook']),
    policy: text(entry['policy']),
    devices: devices.length === 0 ? null : devices,
  };
}

/** Tables of `ip` and `ip6` that look as iptables makes them, by family. */
export function tablesOfIptables({ chains }: NftRuleset): readonly { family: 'ip' | 'ip6'; table: string }[] {
  return chains.flatMap(({ family, table, name, hook }) =>
    (family === 'ip' || family === 'ip6') &&
    hook !== null &&
    ['filter', 'nat', 'mangle', 'raw', 'security'].includes(table) &&
    /^(?:INPUT|FORWARD|OUTPUT|PREROUTING|POSTROUTING)$/.test(name)
      ? [{ family, table }]
      : [],
  );
}

/** Rules and policies that take packets of the diagnosis away, each once. */
export function dropPoints(ruleset: NftRuleset, view: NftView): readonly DropPoint[] {
  const found = new Map<string, DropPoint>();
  for (const chain of ruleset.chains) {
    if (chain.hook === null || view.ignored.has(`${chain.family} ${chain.table}`)) continue;
    const passage = passageOf(chain, chain.hook, view);
    if (passage === 'none') continue;
    for (const point of walk({ ruleset, view, isOnPath: passage === 'all' }, chain)) {
      const before = found.get(point.key);
      if (before === undefined || (point.isOnPath && !before.isOnPath)) found.set(point.key, point);
    }
  }
  return [...found.values()];
}

function passageOf(chain: Chain, hook: string, { packets, passage, texts }: NftView): Passage {
  const isOnLink = chain.family === 'netdev' || hook === 'ingress' || hook === 'egress';
  if (!isOnLink) return passage(chain.family, hook);
  // nft 1.0.6 leaves the interfaces out of its JSON.
  const devices = chain.devices ?? texts.devices.get(keyOf(chain)) ?? [];
  const { interfaces } = packets;
  const isOurs = (name: string): boolean => (interfaces === null ? name !== 'lo' : interfaces.has(name));
  return devices.some(isOurs) ? 'all' : 'none';
}

const keyOf = ({ family, table, name }: Chain): string => `${family} ${table} ${name}`;

interface Walk {
  readonly ruleset: NftRuleset;
  readonly view: NftView;
  readonly isOnPath: boolean;
}

/** The chain and those that it jumps to, as far as packets of the diagnosis get. */
function walk(on: Walk, base: Chain): readonly DropPoint[] {
  const seen = new Set<string>();
  const points: DropPoint[] = [];
  const visit = (chain: Chain, fit: Fit): void => {
    if (seen.has(keyOf(chain))) return;
    seen.add(keyOf(chain));
    for (const rule of on.ruleset.rules.get(keyOf(chain)) ?? []) {
      const read = readRule(rule, chain, on);
      const reached = both(fit, read.fit);
      if (reached === 'no') continue;
      if (read.drops) points.push(pointOfRule(rule, chain, read.packets, reached, on));
      for (const { target, fit: way } of read.jumps) {
        const next = on.ruleset.chains.find(
          (one) => one.family === chain.family && one.table === chain.table && one.name === target,
        );
        const onward = both(reached, way);
        if (next !== undefined && onward !== 'no') visit(next, onward);
      }
    }
  };
  visit(base, 'any');
  if (base.policy === 'drop') points.push(pointOfPolicy(base, on));
  return points;
}

interface ReadRule {
  readonly fit: Fit;
  readonly drops: boolean;
  readonly packets: number | null;
  readonly jumps: readonly { readonly target: string; readonly fit: Fit }[];
}

/** Statements that pass a packet on only now and then. */
const limiting = ['limit', 'quota', 'ct count', 'connlimit'];
/** Verdicts after which the kernel goes no further with the packet. */
const taking = ['drop', 'reject', 'queue', 'fwd', 'tproxy'];
/** Targets of xtables that nftables shows as foreign. */
const takingTargets = ['DROP', 'REJECT', 'NFQUEUE', 'TARPIT', 'drop'];

function readRule({ expressions }: Rule, chain: Chain, { ruleset, view }: Walk): ReadRule {
  let fit: Fit = 'any';
  let drops = false;
  let packets: number | null = null;
  const jumps: { target: string; fit: Fit }[] = [];
  for (const expression of expressions) {
    const [[kind, value] = ['', null]] = Object.entries(expression);
    if (kind === 'match') {
      fit = both(fit, fitOfMatch(record(value), view.packets));
      // It counted also what this does not match.
      packets = null;
    }
    if (limiting.includes(kind)) packets = null;
    if (kind === 'xt' && record(value)['type'] === 'match' && record(value)['name'] !== 'comment')
      packets = null;
    if (kind === 'counter') {
      const named = typeof value === 'string' ? value : null;
      packets =
        named === null
          ? number(record(value)['packets'])
          : (ruleset.counters.get(`${chain.family} ${chain.table} ${named}`) ?? null);
    }
    if (
      taking.includes(kind) ||
      (kind === 'xt' && takingTargets.includes(text(record(value)['name']) ?? ''))
    ) {
      drops = true;
    }
    if (kind === 'jump' || kind === 'goto') {
      jumps.push({ target: text(record(value)['target']) ?? '', fit: 'any' });
    }
    if (kind === 'vmap') {
      const map = record(value);
      for (const [key, verdict] of verdictsOf(map['data'])) {
        const way = fitOfVerdictKey(record(map['key']), key, view.packets);
        if (way === 'no') continue;
        const target = text(record(record(verdict)['jump'] ?? record(verdict)['goto'])['target']);
        if (target !== null) jumps.push({ target, fit: way });
        if ('drop' in verdict) {
          drops = true;
          // Its counter has what goes to all of its verdicts.
          packets = null;
        }
      }
    }
  }
  return { fit, drops, packets, jumps };
}

/** Key and verdict of each element of a verdict map that is written out. */
function verdictsOf(data: unknown): readonly (readonly [unknown, JsonRecord])[] {
  return list(record(data)['set']).flatMap((element) => {
    const [key, verdict] = list(element);
    return verdict === undefined ? [] : [[key, record(verdict)] as const];
  });
}

const commandName = ({ family, table, name }: Chain): string => [family, table, name].map(quoted).join(' ');

function pointOfRule(
  { handle }: Rule,
  chain: Chain,
  packets: number | null,
  fit: Exclude<Fit, 'no'>,
  { view, isOnPath }: Walk,
): DropPoint {
  const subject = `nftables ${chain.family} ${chain.table}, chain ${chain.name}, handle ${handle}`;
  return {
    key: subject,
    subject,
    what: 'a rule of nftables',
    text: view.texts.rules.get(`${chain.family} ${chain.table} ${handle}`) ?? 'a rule that drops',
    packets,
    fit,
    isOnPath,
    remedy: `${view.prefix}nft delete rule ${commandName(chain)} handle ${handle}`,
    owner: ownerOf(chain.table, chain.name),
  };
}

function pointOfPolicy(chain: Chain, { view, isOnPath }: Walk): DropPoint {
  const subject = `nftables ${chain.family} ${chain.table}, policy of chain ${chain.name}`;
  return {
    key: subject,
    subject,
    what: 'the policy of a chain of nftables',
    text: `hook ${chain.hook}, policy drop`,
    packets: null,
    fit: 'any',
    isOnPath,
    ...(chain.hook === 'forward' && chain.family !== 'bridge' ? { isForwardPolicy: true } : {}),
    remedy: `${view.prefix}nft chain ${commandName(chain)} '{ policy accept; }'`,
    owner: ownerOf(chain.table, chain.name),
  };
}
