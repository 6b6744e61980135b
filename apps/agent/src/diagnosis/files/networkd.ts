import {
  does,
  isLike,
  isMtuWrong,
  isNo,
  settingsOf,
  undoing,
  type HostFile,
  type Setting,
  type Undoing,
  type WantedLink,
} from './undoing.ts';

interface Unit {
  readonly name: string;
  readonly settings: readonly Placed[];
}

/** A setting with the file that it stands in: the unit's own, or a drop-in. */
type Placed = Setting & { readonly path: string };

/**
 * Files of systemd-networkd and of udev's links, those that count first: systemd.network(5), systemd.netdev(5), systemd.link(5). Of two
 * with one name the first hides the other; of those that match an interface, the first by name counts. What drop-ins say
 * (`10-lan.network.d/mtu.conf`) counts after the unit itself.
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
  const units = new Map<string, HostFile>();
  const dropIns = new Map<string, Map<string, HostFile>>();
  for (const file of files) {
    const names = file.path.split('/');
    const name = names.at(-1) ?? '';
    const [, unit] = /^(.+)\.d$/.exec(names.at(-2) ?? '') ?? [];
    const group = unit === undefined ? units : (dropIns.get(unit) ?? new Map<string, HostFile>());
    if (unit !== undefined) dropIns.set(unit, group);
    if (!group.has(name)) group.set(name, file);
  }
  return [...units.entries()].toSorted(byName).map(([name, file]) => {
    const parts = [...(dropIns.get(name) ?? [])].toSorted(byName).map(([, part]) => part);
    const settings = [file, ...parts].flatMap(({ path, text }) =>
      settingsOf(text).map((setting) => ({ ...setting, path })),
    );
    return { name, settings };
  });
}

const byName = ([a]: readonly [string, HostFile], [b]: readonly [string, HostFile]): number =>
  a < b ? -1 : 1;

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

type Effect = (setting: Setting, link: WantedLink) => string | null;

/** Of two settings of one key the later one counts. */
function effects(unit: Unit | undefined, link: WantedLink, effect: Effect): readonly Undoing[] {
  const settings = unit?.settings ?? [];
  const isLast = ({ section, key }: Placed, at: number): boolean =>
    !settings.some((other, later) => later > at && other.section === section && other.key === key);
  return settings.filter(isLast).flatMap((setting): Undoing[] => {
    const what = effect(setting, link);
    return what === null ? [] : [undoing(setting, link, what)];
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
    case 'network.vrf':
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
