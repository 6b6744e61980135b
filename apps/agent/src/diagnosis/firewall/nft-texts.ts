/** What only the text of a ruleset has (nft(8), `nft -a list ruleset`). */
export interface NftTexts {
  /** How each rule is written, by family, table and handle: `netdev guard 4`. */
  readonly rules: ReadonlyMap<string, string>;
  /** Interfaces of chains that hang on some, by family, table and chain: `netdev guard in`. */
  readonly devices: ReadonlyMap<string, readonly string[]>;
}

/** Reads `nft -a list ruleset`. Lines that it does not know are passed over. */
export function parseNftTexts(stdout: string): NftTexts {
  const rules = new Map<string, string>();
  const devices = new Map<string, readonly string[]>();
  let table = '';
  let chain: string | null = null;
  let begun: string[] = [];
  for (const line of stdout.split('\n')) {
    const [, family, name] = /^table (\S+) (\S+) \{/.exec(line) ?? [];
    const opened = /^\t(chain|set|map|counter|flowtable|quota|limit|ct \w+|secmark|synproxy) (\S+) \{/.exec(
      line,
    );
    if (family !== undefined && name !== undefined) table = `${family} ${name}`;
    if (opened !== null) {
      chain = opened[1] === 'chain' ? (opened[2] ?? null) : null;
      begun = [];
      continue;
    }
    if (/^\t?\}/.test(line)) chain = null;
    if (chain === null) continue;
    const [, type] = /^\t\ttype .* (devices? .*) priority /.exec(line) ?? [];
    if (/^\t\ttype .* hook /.test(line)) {
      if (type !== undefined) devices.set(`${table} ${chain}`, devicesOf(type));
      continue;
    }
    // A long set is broken into several lines.
    begun.push(line.trim());
    const [, rule, handle] = /^(.*) # handle (\d+)$/.exec(begun.join(' ')) ?? [];
    if (rule === undefined) continue;
    rules.set(`${table} ${handle}`, rule);
    begun = [];
  }
  return { rules, devices };
}

/** `device "ens33"` or `devices = { ens33, p }`. */
const devicesOf = (words: string): readonly string[] =>
  words
    .replace(/^devices?(?: =)?/, '')
    .split(/[\s{},"]+/)
    .filter((word) => word !== '');
