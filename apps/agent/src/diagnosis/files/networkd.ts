import {
  does,
  isMtuWrong,
  isNo,
  settingsOf,
  type HostFile,
  type Setting,
  type Undoing,
  type WantedLink,
} from './undoing.ts';

interface Unit extends HostFile {
  readonly name: string;
  readonly settings: readonly Setting[];
}

/**
 * Files of systemd-networkd and of udev's links, those that count first: systemd.network(5), systemd.netdev(5), systemd.link(5). Of two
 * with one name the first hides the other; of those that match an interface, the first by name counts.
 */
export function undoneByNetworkd(
  files: readonly HostFile[],
  wanted: readonly WantedLink[],
): readonly Undoing[] {
  const units = unitsOf(files);
  const ofKind = (kind: string): readonly Unit[] => units.filter(({ name }) => name.endsWith(kind));
  return wanted.flatMap((link) => [
    ...effects(first(ofKind('.network'), link), link, effectOfNetwork),
    ...ofKind('.netdev').flatMap((unit) => netdevOf(unit, link)),
    ...effects(first(ofKind('.link'), link), link, effectOfLink),
  ]);
}

function unitsOf(files: readonly HostFile[]): readonly Unit[] {
  const units = new Map<string, Unit>();
  for (const file of files) {
    const name = file.path.split('/').at(-1) ?? '';
    if (!units.has(name)) units.set(name, { ...file, name, settings: settingsOf(file.text) });
  }
  return [...units.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The one that counts; undefined: none, or none that is known to. */
function first(units: readonly Unit[], link: WantedLink): Unit | undefined {
  for (const unit of units) {
    const conditions = unit.settings.filter(({ section, value }) => section === 'match' && value !== '');
    const matches = conditions.map(({ key, value }) => isMatch(key, value, link));
    if (matches.length === 0 || matches.includes(false)) continue;
    return matches.includes(null) ? undefined : unit;
  }
  return undefined;
}

/** Null: what it asks for is not known here. */
function isMatch(key: string, value: string, { name, mac, vlan }: WantedLink): boolean | null {
  const words = value.split(/\s+/);
  switch (key) {
    case 'name':
    case 'originalname':
      return words.some((pattern) => isLike(pattern, name));
    case 'macaddress':
    case 'permanentmacaddress':
      return words.some((one) => one.toLowerCase().replaceAll('-', ':') === mac);
    case 'type':
      return words.includes(vlan === null ? 'ether' : 'vlan');
    default:
      return null;
  }
}

/** A shell pattern of `*` and `?`. */
function isLike(pattern: string, name: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name);
}

type Effect = (setting: Setting, link: WantedLink) => string | null;

function effects(unit: Unit | undefined, link: WantedLink, effect: Effect): readonly Undoing[] {
  return (unit?.settings ?? []).flatMap((setting): Undoing[] => {
    const what = effect(setting, link);
    return what === null || unit === undefined
      ? []
      : [{ path: unit.path, line: setting.line, text: setting.text, link: link.name, does: what }];
  });
}

const effectOfNetwork: Effect = ({ section, key, value }, link) => {
  switch (`${section}.${key}`) {
    case 'link.promiscuous':
      return link.promiscuous && isNo(value) ? does.lacksPromiscuity : null;
    case 'link.mtubytes':
      return isMtuWrong(link, value) ? does.hasMtu(value) : null;
    case 'link.activationpolicy':
      return link.vlan === null && /^(?:down|always-down|manual)$/.test(value) ? does.staysDown : null;
    case 'network.bridge':
    case 'network.bond':
      return link.vlan === null && value !== '' && value !== link.master ? does.joins(value) : null;
    default:
      return null;
  }
};

const effectOfLink: Effect = ({ section, key, value }, link) => {
  if (section !== 'link') return null;
  if (key === 'mtubytes' && isMtuWrong(link, value)) return does.hasMtu(value);
  return key === 'name' && link.vlan === null && value !== link.name ? does.isNamed(value) : null;
};

/** A file that makes the VLAN sub-interface, with another VLAN. */
function netdevOf(unit: Unit, link: WantedLink): readonly Undoing[] {
  const { vlan } = link;
  const isOurs = unit.settings.some(
    (one) => one.section === 'netdev' && one.key === 'name' && one.value === link.name,
  );
  if (vlan === null || !isOurs) return [];
  return effects(unit, link, ({ section, key, value }) => {
    if (section === 'vlan' && key === 'id') return Number(value) === vlan.id ? null : does.hasVlan(value);
    return section === 'netdev' && key === 'mtubytes' && isMtuWrong(link, value) ? does.hasMtu(value) : null;
  });
}
