import { distinct, undoneBySteps, type Scripts, type Step } from './last-word.ts';
import {
  does,
  isLike,
  isMtuWrong,
  joinLines,
  undoing,
  type HostFile,
  type Place,
  type Undoing,
  type Wanted,
  type WantedLink,
} from './undoing.ts';

/** `ATTR{address}=="02:…"`. */
interface Part {
  readonly key: string;
  /** In braces. */
  readonly attribute: string;
  readonly sign: string;
  readonly value: string;
}

interface Rule extends Place {
  readonly parts: readonly Part[];
}

/** Rules of udev(7), in the order of their names, as an interface meets them when the kernel adds it. */
export function undoneByUdev(
  files: readonly HostFile[],
  wanted: Wanted,
  scripts: Scripts,
): readonly Undoing[] {
  const rules = files.flatMap(rulesOf);
  return distinct(
    wanted.links.flatMap((link) => {
      const met = metBy(rules, link);
      return [...assignments(met, link), ...runs(met, link, wanted, scripts)];
    }),
  );
}

function rulesOf({ path, text }: HostFile): readonly Rule[] {
  return joinLines(text)
    .split('\n')
    .flatMap((whole, at): Rule[] => {
      const line = whole.trim();
      if (line === '' || line.startsWith('#')) return [];
      const found = line.matchAll(/([A-Z_]+)(?:\{([^}]*)\})?\s*(==|!=|\+=|-=|:=|=)\s*"((?:[^"\\]|\\.)*)"/g);
      const parts = [...found].map(([, key = '', attribute = '', sign = '', value = '']) => ({
        key,
        attribute,
        sign,
        value,
      }));
      return [{ path, line: at + 1, text: line, parts }];
    });
}

const isTest = ({ sign }: Part): boolean => sign === '==' || sign === '!=';

/** Rules that match an interface for certain; what GOTO jumps over is left out. */
function metBy(rules: readonly Rule[], link: WantedLink): readonly Rule[] {
  const met: Rule[] = [];
  for (let at = 0; at < rules.length; at += 1) {
    const rule = rules[at];
    if (rule === undefined || !isMet(rule, link)) continue;
    met.push(rule);
    const goal = rule.parts.find(({ key }) => key === 'GOTO')?.value;
    if (goal === undefined) continue;
    const label = rules.findIndex(
      ({ path, parts }, place) =>
        place > at && path === rule.path && parts.some(({ key, value }) => key === 'LABEL' && value === goal),
    );
    if (label !== -1) at = label - 1;
  }
  return met;
}

function isMet({ parts }: Rule, link: WantedLink): boolean {
  const tests = parts.filter(isTest);
  // The kernel's own name for it is not known: one is enough.
  const hasAddress = tests.some((part) => isAddress(part) && part.sign === '==');
  return tests.every((part) => {
    const truth = isTrue(part, link, hasAddress);
    return truth !== null && truth === (part.sign === '==');
  });
}

const isAddress = ({ key, attribute }: Part): boolean => /^ATTRS?$/.test(key) && attribute === 'address';

/** Whether what is tested is like the value; null: not known. */
function isTrue(
  { key, attribute, value, sign }: Part,
  link: WantedLink,
  hasAddress: boolean,
): boolean | null {
  const like = (text: string): boolean => isLike(value, text);
  switch (key) {
    case 'SUBSYSTEM':
    case 'SUBSYSTEMS':
      return like('net');
    case 'ACTION':
      return like('add');
    case 'KERNEL':
    case 'NAME':
    case 'INTERFACE':
      if (like(link.name)) return true;
      return hasAddress && sign === '==' && value.endsWith('*') ? true : key === 'KERNEL' ? false : null;
    case 'DRIVERS':
      return /^[?*]+$/.test(value) ? link.vlan === null : null;
    case 'ATTR':
    case 'ATTRS':
      if (attribute === 'address') return link.mac === null ? null : isLike(value.toLowerCase(), link.mac);
      // ARPHRD_ETHER of linux/if_arp.h; one port.
      if (attribute === 'type') return like('1');
      return /^dev_(?:id|port)$/.test(attribute) ? like('0x0') || like('0') : null;
    case 'ENV':
      if (attribute === 'INTERFACE') return like(link.name);
      return attribute === 'DEVTYPE' ? (link.vlan === null ? like('') : like('vlan')) : null;
    default:
      return null;
  }
}

/** Whether a rule is about interfaces at all: one of disks may leave the subsystem out. */
const isAboutLinks = ({ parts }: Rule): boolean =>
  parts.some(
    (part) =>
      part.sign === '==' &&
      (isAddress(part) ||
        ((part.key === 'SUBSYSTEM' || part.key === 'SUBSYSTEMS') && isLike(part.value, 'net')) ||
        part.key === 'KERNEL'),
  );

function assignments(rules: readonly Rule[], link: WantedLink): readonly Undoing[] {
  const about = rules.filter(isAboutLinks);
  const lastOf = (isOf: (part: Part) => boolean): (Part & { readonly rule: Rule }) | undefined => {
    const all = about.flatMap((rule) => rule.parts.filter(isOf).map((part) => ({ ...part, rule })));
    return all.find(({ sign }) => sign === ':=') ?? all.at(-1);
  };
  const name = lastOf((part) => part.key === 'NAME' && !isTest(part));
  const mtu = lastOf((part) => part.key === 'ATTR' && part.attribute === 'mtu' && !isTest(part));
  const isOther = name !== undefined && !/[$%]/.test(name.value) && ![link.name, ''].includes(name.value);
  return [
    ...(isOther && link.vlan === null ? [undoing(name.rule, link, does.isNamed(name.value))] : []),
    ...(mtu !== undefined && isMtuWrong(link, mtu.value)
      ? [undoing(mtu.rule, link, does.hasMtu(mtu.value))]
      : []),
  ];
}

function runs(
  rules: readonly Rule[],
  link: WantedLink,
  wanted: Wanted,
  scripts: Scripts,
): readonly Undoing[] {
  const steps = rules.filter(isAboutLinks).flatMap((rule) =>
    rule.parts
      .filter((part) => part.key === 'RUN' && !isTest(part) && /^(?:program)?$/.test(part.attribute))
      .map(({ value }): Step => {
        const text = value.replaceAll(/%k|\$kernel|\$name|%E\{INTERFACE\}|\$env\{INTERFACE\}/g, link.name);
        const { path, line } = rule;
        return { path, text, variables: { INTERFACE: link.name }, at: { path, line, text: rule.text } };
      }),
  );
  return undoneBySteps(steps, { ...wanted, links: [link] }, scripts);
}
