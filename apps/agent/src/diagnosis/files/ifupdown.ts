import { does, isMtuWrong, type HostFile, type Undoing, type WantedLink } from './undoing.ts';

interface Line {
  readonly path: string;
  readonly line: number;
  readonly text: string;
  readonly words: readonly string[];
  /** The interface whose stanza it stands in; null: none. */
  readonly stanza: string | null;
}

/** Files of ifupdown: /etc/network/interfaces and what is in interfaces.d (interfaces(5)). */
export function undoneByIfupdown(
  files: readonly HostFile[],
  wanted: readonly WantedLink[],
): readonly Undoing[] {
  const lines = files.flatMap(linesOf);
  return wanted.flatMap((link) => [
    ...stanzaOf(link, lines),
    ...(link.vlan === null ? [...joinOf(link, lines), ...notAuto(link, lines)] : []),
  ]);
}

function linesOf({ path, text }: HostFile): readonly Line[] {
  let stanza: string | null = null;
  return text.split('\n').flatMap((whole, at): Line[] => {
    const line = whole.trim();
    const words = line.split(/\s+/);
    if (line === '' || line.startsWith('#')) return [];
    if (words[0] === 'iface') stanza = words[1] ?? null;
    else if (
      /^(?:auto|allow-\S+|no-auto-down|no-scripts|mapping|source|source-directory|rename|template)$/.test(
        words[0] ?? '',
      )
    )
      stanza = null;
    return [{ path, line: at + 1, text: line, words, stanza }];
  });
}

const undoing = ({ path, line, text }: Line, link: WantedLink, what: string): Undoing => ({
  path,
  line,
  text,
  link: link.name,
  does: what,
});

function stanzaOf(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  const { vlan } = link;
  return lines.flatMap((line): Undoing[] => {
    if (line.stanza !== link.name) return [];
    const [option, value = ''] = line.words;
    if (option === 'mtu' && isMtuWrong(link, value)) return [undoing(line, link, does.hasMtu(value))];
    if (vlan === null) return [];
    if (/^vlan[-_]raw[-_]device$/.test(option ?? '') && value !== vlan.parent)
      return [undoing(line, link, does.standsOn(value))];
    return /^vlan[-_]id$/.test(option ?? '') && Number(value) !== vlan.id
      ? [undoing(line, link, does.hasVlan(value))]
      : [];
  });
}

/** A bridge or bond that takes the parent for a port. */
function joinOf(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  return lines.flatMap((line): Undoing[] => {
    const { words, stanza } = line;
    const takes =
      /^(?:bridge[-_]ports|bond[-_]slaves|slaves)$/.test(words[0] ?? '') && words.includes(link.name);
    const master = takes
      ? stanza
      : /^bond[-_]master$/.test(words[0] ?? '') && stanza === link.name
        ? words[1]
        : null;
    return master === null || master === undefined || master === link.master
      ? []
      : [undoing(line, link, does.joins(master))];
  });
}

/** An interface that is described, and not named to be set up at boot; a bridge or bond sets up its ports, a VLAN what it is on. */
function notAuto(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  const isNamed = lines.some(
    ({ words: [option = '', ...names] }) =>
      (/^(?:auto|allow-\S+)$/.test(option) && names.some((name) => matches(name, link.name))) ||
      (/^(?:bridge[-_]ports|bond[-_]slaves|slaves|vlan[-_]raw[-_]device)$/.test(option) &&
        names.includes(link.name)) ||
      (option === 'iface' && names[0]?.startsWith(`${link.name}.`) === true),
  );
  const stanza = lines.find(({ words: [option, name] }) => option === 'iface' && name === link.name);
  return isNamed || stanza === undefined
    ? []
    : [undoing(stanza, link, `${does.staysDown}, since no line "auto ${link.name}" names it`)];
}

/** `auto` takes patterns, such as `/ens*`. */
const matches = (pattern: string, name: string): boolean =>
  pattern === name || (pattern.startsWith('/') && pattern.includes('*'));
