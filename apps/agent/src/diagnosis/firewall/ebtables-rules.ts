import { quoted, type DropPoint } from './drop-point.ts';
import {
  both,
  fitOfEtherType,
  fitOfInterface,
  fitOfOtherInterface,
  fitOfRange,
  rangeFrom,
  type Fit,
  type Packets,
} from './packets.ts';

/** Tables of ebtables, which the module of the same name makes. */
export const ebtablesTables = ['filter', 'nat', 'broute'] as const;

/**
 * Rules and policies of one table that drop frames, from `ebtables-legacy -t filter -L --Lc` (ebtables(8)): its counters say how
 * often a rule was true. Its policies count nothing.
 */
export function ebtablesDropPoints(stdout: string, table: string, packets: Packets): readonly DropPoint[] {
  let chain = '';
  return stdout.split('\n').flatMap((line): DropPoint[] => {
    const [, name, policy] = /^Bridge chain: (\S+), entries: \d+, policy: (\S+)/.exec(line) ?? [];
    if (name !== undefined) {
      chain = name;
      return policy === 'DROP' && /^[A-Z]+$/.test(chain) ? [pointOfPolicy(table, chain)] : [];
    }
    const [, rule, counted] = /^(.*?-j DROP) *, pcnt = (\d+) -- bcnt = \d+/.exec(line) ?? [];
    if (rule === undefined) return [];
    const fit = fitOfRule(rule.split(/\s+/), packets);
    return fit === 'no' ? [] : [pointOfRule(table, chain, rule.trim(), Number(counted), fit)];
  });
}

function fitOfRule(words: readonly string[], packets: Packets): Fit {
  return words.reduce<Fit>((fit, word, at) => {
    // `! -p ARP` in some versions, `-p ! ARP` in others.
    const isNot = words[at - 1] === '!' || words[at + 1] === '!';
    const value = (words[at + 1] === '!' ? words[at + 2] : words[at + 1]) ?? '';
    switch (word) {
      case '-p':
        return isNot ? fit : both(fit, fitOfEtherType(value, packets));
      case '-i':
      case '-o':
        return both(fit, isNot ? fitOfOtherInterface([value], packets) : fitOfInterface(value, packets));
      case '--ip-src':
      case '--ip-dst':
      case '--arp-ip-src':
      case '--arp-ip-dst':
        return isNot ? fit : both(fit, fitOfRange(rangeFrom(value), packets));
      default:
        return fit;
    }
  }, 'any');
}

function pointOfRule(
  table: string,
  chain: string,
  rule: string,
  packets: number,
  fit: Exclude<Fit, 'no'>,
): DropPoint {
  const subject = `ebtables table ${table}, chain ${chain}`;
  return {
    key: `${subject} ${rule}`,
    subject,
    what: 'a rule of ebtables',
    text: `-A ${chain} ${rule}`,
    packets,
    fit,
    isOnPath: true,
    remedy: `ebtables-legacy -t ${table} -D ${quoted(chain)} ${rule}`,
    owner: null,
  };
}

function pointOfPolicy(table: string, chain: string): DropPoint {
  const subject = `ebtables table ${table}, policy of chain ${chain}`;
  return {
    key: subject,
    subject,
    what: 'the policy of a chain of ebtables',
    text: `-P ${chain} DROP`,
    packets: null,
    fit: 'any',
    isOnPath: true,
    remedy: `ebtables-legacy -t ${table} -P ${chain} ACCEPT`,
    owner: null,
  };
}
