import { does, isMtuWrong, isNo, type HostFile, type Undoing, type WantedLink } from './undoing.ts';

/** A value of a netplan file by its keys: `network`, `vlans`, `ens33.10`, `id`. */
interface Entry {
  readonly keys: readonly string[];
  readonly value: string;
  readonly path: string;
  readonly line: number;
  readonly text: string;
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
  return [...last.values()].flatMap((entry) => undone(entry, wanted));
}

const isItem = ({ keys }: Entry): boolean => keys.at(-1) === '-';

function undone(entry: Entry, wanted: readonly WantedLink[]): readonly Undoing[] {
  const [, kind, name, key] = entry.keys;
  const say = (link: WantedLink, what: string): Undoing[] => [
    { path: entry.path, line: entry.line, text: entry.text, link: link.name, does: what },
  ];
  if ((kind === 'bridges' || kind === 'bonds') && key === 'interfaces' && name !== undefined) {
    const ports = namesIn(entry.value);
    return wanted.flatMap((link) =>
      link.vlan === null && ports.includes(link.name) && link.master !== name
        ? say(link, does.joins(name))
        : [],
    );
  }
  const link = wanted.find((one) => one.name === name);
  if (link === undefined || key === undefined) return [];
  const { value } = entry;
  if (key === 'mtu' && isMtuWrong(link, value)) return say(link, does.hasMtu(value));
  if (key === 'activation-mode' && link.vlan === null && (value === 'manual' || isNo(value)))
    return say(link, does.staysDown);
  if (kind !== 'vlans' || link.vlan === null) return [];
  if (key === 'id' && Number(value) !== link.vlan.id) return say(link, does.hasVlan(value));
  return key === 'link' && value !== link.vlan.parent ? say(link, does.standsOn(value)) : [];
}

/** `[ens33, ens34]`, or one name. */
const namesIn = (value: string): readonly string[] =>
  value
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((one) => bare(one));

const bare = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/, '$2');

/**
 * Mappings, lists of names and lists in brackets, by their indentation: what netplan's own documentation uses. A mapping in braces is
 * not read, so nothing is said of it.
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
    return value === '' ? [] : [{ ...place, keys: [...keys, bare(key)], value: bare(value) }];
  });
}
