import {
  does,
  isLike,
  isMtuWrong,
  isNo,
  undoing,
  type HostFile,
  type Place,
  type Undoing,
  type WantedLink,
} from './undoing.ts';

/** A value of a netplan file by its keys: `network`, `vlans`, `ens33.10`, `id`. */
interface Entry extends Place {
  readonly keys: readonly string[];
  readonly value: string;
}

/** Files of netplan (netplan(5)), in the order in which it reads them: where two say something of one key, the later one counts. */
export function undoneByNetplan(
  files: readonly HostFile[],
  wanted: readonly WantedLink[],
): readonly Undoing[] {
  const entries = files.flatMap(entriesOf).filter(({ keys }) => keys[0] === 'network');
  const last = new Map(
    entries.map((entry) => [[...entry.keys, isItem(entry) ? entry.value : ''].join('\n'), entry]),
  );
  const all = [...last.values()];
  return all.flatMap((entry) => undone(entry, all, wanted));
}

const isItem = ({ keys }: Entry): boolean => keys.at(-1) === '-';

function undone(entry: Entry, all: readonly Entry[], wanted: readonly WantedLink[]): readonly Undoing[] {
  const [, kind, name, key] = entry.keys;
  if (/^(?:bridges|bonds|vrfs)$/.test(kind ?? '') && key === 'interfaces' && name !== undefined) {
    const ports = namesIn(entry.value);
    return wanted.flatMap((link) =>
      link.vlan === null && ports.includes(link.name) && link.master !== name
        ? [undoing(entry, link, does.joins(name))]
        : [],
    );
  }
  if (kind === undefined || name === undefined || key === undefined) return [];
  return wanted.flatMap((link) => {
    const what = isOf(kind, name, link, all) ? effectOf(kind, key, entry.value, link) : null;
    return what === null ? [] : [undoing(entry, link, what)];
  });
}

/** Whether a definition is for an interface: its `match` says for which, else its name. */
function isOf(kind: string, name: string, link: WantedLink, all: readonly Entry[]): boolean {
  const tests = all.filter(
    ({ keys }) => keys[1] === kind && keys[2] === name && keys[3] === 'match' && keys.length > 4,
  );
  if (tests.length === 0) return name === link.name;
  return tests.every(({ keys, value }) => {
    if (keys[4] === 'macaddress') return link.vlan === null && value.toLowerCase() === link.mac;
    return keys[4] === 'name' && isLike(value, link.name);
  });
}

function effectOf(kind: string, key: string, value: string, link: WantedLink): string | null {
  if (key === 'mtu') return isMtuWrong(link, value) ? does.hasMtu(value) : null;
  if (link.vlan === null) {
    if (key === 'set-name') return value === link.name ? null : does.isNamed(value);
    return key === 'activation-mode' && (value === 'manual' || isNo(value)) ? does.staysDown : null;
  }
  if (kind !== 'vlans') return null;
  if (key === 'id') return Number(value) === link.vlan.id ? null : does.hasVlan(value);
  return key === 'link' && value !== link.vlan.parent ? does.standsOn(value) : null;
}

/** `[ens33, ens34]`, or one name. */
const namesIn = (value: string): readonly string[] =>
  value
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((one) => bare(one));

const bare = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, '$2');

/**
 * Mappings, lists of names and lists in brackets, by their indentation: what netplan's own documentation uses, and mappings
 * in braces on one line. Nothing is said of others.
 */
function entriesOf({ path, text }: HostFile): readonly Entry[] {
  const open: { readonly indent: number; readonly key: string }[] = [];
  return text.split('\n').flatMap((whole, at): Entry[] => {
    const [, blanks = '', content = ''] = /^( *)(.*?)(?:\s+#.*)?\s*$/.exec(whole) ?? [];
    if (content === '' || content.startsWith('#') || content === '---') return [];
    const indent = blanks.length;
    const place = { path, line: at + 1, text: whole.trim() };
    const [, item] = /^-\s+(\S+)$/.exec(content) ?? [];
    // A list may stand as far left as its key.
    while (open.length > 0 && (open.at(-1)?.indent ?? 0) >= indent + (item === undefined ? 0 : 1)) open.pop();
    const keys = open.map(({ key }) => key);
    if (item !== undefined) return [{ ...place, keys: [...keys, '-'], value: bare(item) }];
    const [, key, value = ''] = /^("[^"]*"|'[^']*'|[^\s"':{[][^:]*?)\s*:(?:\s+(.*))?$/.exec(content) ?? [];
    if (key === undefined) return [];
    open.push({ indent, key: bare(key) });
    const inner = [...keys, bare(key)];
    if (value === '') return [];
    const braces = pairsIn(value);
    return braces === null
      ? [{ ...place, keys: inner, value: bare(value) }]
      : braces.map((pair) => ({ ...place, keys: [...inner, ...pair.keys], value: pair.value }));
  });
}

/** `{mtu: 1400, match: {macaddress: "02:…"}}`; null: it is no such mapping. */
function pairsIn(value: string): readonly Pick<Entry, 'keys' | 'value'>[] | null {
  const [, inside] = /^\{(.*)\}$/.exec(value.trim()) ?? [];
  if (inside === undefined) return null;
  const pairs = inside.match(/(?:"[^"]*"|'[^']*'|\{[^{}]*\}|\[[^\]]*\]|[^,])+/g) ?? [];
  return pairs.flatMap((pair) => {
    const [, key, text] = /^\s*([\w.-]+|"[^"]*"|'[^']*')\s*:\s*(.*)$/.exec(pair) ?? [];
    if (key === undefined || text === undefined) return [];
    const nested = pairsIn(text);
    return nested === null
      ? [{ keys: [bare(key)], value: bare(text) }]
      : nested.map((one) => ({ ...one, keys: [bare(key), ...one.keys] }));
  });
}
