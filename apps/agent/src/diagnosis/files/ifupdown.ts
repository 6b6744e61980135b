import { distinct, undoneBySteps, type Scripts, type Step } from './last-word.ts';
import {
  does,
  isLike,
  isMtuWrong,
  joinLines,
  undoing,
  type HostFile,
  type Undoing,
  type Wanted,
  type WantedLink,
} from './undoing.ts';

interface Line {
  readonly path: string;
  readonly line: number;
  readonly text: string;
  readonly words: readonly string[];
  /** The interface whose stanza it stands in; null: none. */
  readonly stanza: string | null;
}

/** Files of ifupdown, and the folders of its hooks that run when an interface comes up. */
export interface IfupdownFiles {
  /** /etc/network/interfaces, and what is in interfaces.d. */
  readonly interfaces: readonly HostFile[];
  /** if-pre-up.d. */
  readonly before: readonly HostFile[];
  /** if-up.d. */
  readonly after: readonly HostFile[];
}

/**
 * What ifupdown undoes when it sets up interfaces (interfaces(5)). What runs when they go down (`down`, `pre-down`, `post-down`,
 * if-down.d, if-post-down.d) undoes nothing at boot. `isOfAnother`: another program sets up that interface.
 */
export function undoneByIfupdown(
  files: IfupdownFiles,
  wanted: Wanted,
  scripts: Scripts,
  isOfAnother: (name: string) => boolean,
): readonly Undoing[] {
  const lines = files.interfaces.flatMap(linesOf);
  return distinct([
    ...wanted.links.flatMap((link) => [
      ...stanzaOf(link, lines),
      ...(link.vlan === null
        ? [...joinOf(link, lines), ...renameOf(link, lines), ...notAuto(link, lines)]
        : []),
    ]),
    ...undoneBySteps(stepsOf(files, lines, wanted, isOfAnother), wanted, scripts),
  ]);
}

function linesOf({ path, text }: HostFile): readonly Line[] {
  let stanza: string | null = null;
  return joinLines(text)
    .split('\n')
    .flatMap((whole, at): Line[] => {
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

/** A bridge, bond or VRF that takes the parent for a port. */
function joinOf(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  return lines.flatMap((line): Undoing[] => {
    const { words, stanza } = line;
    const takes =
      /^(?:bridge[-_]ports|bond[-_]slaves|slaves|ovs[-_]ports)$/.test(words[0] ?? '') &&
      words.includes(link.name);
    const master = takes
      ? stanza
      : /^(?:bond[-_]master|ovs[-_]bridge|vrf)$/.test(words[0] ?? '') && stanza === link.name
        ? words[1]
        : null;
    return master === null || master === undefined || master === link.master
      ? []
      : [undoing(line, link, does.joins(master))];
  });
}

/** `rename ens33=lan0`, `rename mac/02:…=lan0`. */
function renameOf(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  return lines.flatMap((line): Undoing[] => {
    const [verb, ...pairs] = line.words;
    if (verb !== 'rename') return [];
    const names = pairs.flatMap((pair) => {
      const [from = '', to = ''] = pair.split('=');
      const isOurs = from === link.name || (link.mac !== null && from.toLowerCase() === `mac/${link.mac}`);
      return isOurs && to !== '' && to !== link.name ? [to] : [];
    });
    return names.map((name) => undoing(line, link, does.isNamed(name)));
  });
}

/** An interface that is described, and not named to be set up at boot; a bridge or bond sets up its ports, a VLAN what it is on. */
function notAuto(link: WantedLink, lines: readonly Line[]): readonly Undoing[] {
  const isNamed =
    comesUp(link.name, lines) ||
    lines.some(
      ({ words: [option = '', ...names] }) =>
        (/^(?:bridge[-_]ports|bond[-_]slaves|slaves|vlan[-_]raw[-_]device)$/.test(option) &&
          names.includes(link.name)) ||
        (option === 'iface' && names[0]?.startsWith(`${link.name}.`) === true),
    );
  const stanza = lines.find(({ words: [option, name] }) => option === 'iface' && name === link.name);
  return isNamed || stanza === undefined
    ? []
    : [undoing(stanza, link, `${does.staysDown}, since no line "auto ${link.name}" names it`)];
}

/** Whether it is set up at boot, or when the kernel finds it. */
const comesUp = (name: string, lines: readonly Line[]): boolean =>
  lines.some(
    ({ words: [option = '', ...names] }) =>
      /^(?:auto|allow-\S+)$/.test(option) && names.some((pattern) => matches(pattern, name)),
  );

/** `auto` takes patterns, such as `/ens*`. */
const matches = (pattern: string, name: string): boolean =>
  pattern === name || (pattern.startsWith('/') && isLike(pattern.slice(1).replace(/\/.*$/, ''), name));

/** What runs at boot, in its order: for each interface its hooks and those of all. */
function stepsOf(
  { before, after }: IfupdownFiles,
  lines: readonly Line[],
  { links }: Wanted,
  isOfAnother: (name: string) => boolean,
): readonly Step[] {
  const described = [...new Set(lines.flatMap(({ stanza }) => (stanza === null ? [] : [stanza])))];
  const setUp = described.filter((name) => comesUp(name, lines));
  // An interface that no file describes may be set up in a way that is not known here.
  const others = links
    .filter(({ vlan, name }) => vlan === null && !described.includes(name) && !isOfAnother(name))
    .map(({ name }) => name);
  return [...setUp, ...others].flatMap((name) => {
    const steps = (files: readonly HostFile[], phase: string): readonly Step[] =>
      files.map(({ path, text }) => ({ path, text, variables: given(name, phase) }));
    const own = (options: RegExp, phase: string): readonly Step[] =>
      lines.flatMap(({ path, line, text, words: [option = ''], stanza }): Step[] =>
        stanza === name && options.test(option)
          ? [
              {
                path,
                text: text.slice(option.length).trim(),
                variables: given(name, phase),
                at: { path, line, text },
              },
            ]
          : [],
      );
    return [
      ...own(/^pre-up$/, 'pre-up'),
      ...steps(before, 'pre-up'),
      ...own(/^(?:up|post-up)$/, 'post-up'),
      ...steps(after, 'post-up'),
    ];
  });
}

/** The environment of hooks (interfaces(5), "iface options"). */
const given = (name: string, phase: string): Readonly<Record<string, string>> => ({
  IFACE: name,
  LOGICAL: name,
  MODE: 'start',
  PHASE: phase,
});
