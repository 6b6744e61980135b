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

/** Connections of NetworkManager: system-connections/ens33.nmconnection (nm-settings-keyfile(5)). */
export function undoneByNetworkManager(
  files: readonly HostFile[],
  wanted: readonly WantedLink[],
): readonly Undoing[] {
  const profiles = files.map((file) => ({ ...file, settings: settingsOf(file.text) }));
  return wanted.flatMap((link) => {
    const own = profiles.filter(({ settings }) => isOf(settings, link));
    const isStarted = own.some(startsItself);
    return own.flatMap((profile) =>
      // One that nobody starts changes nothing, except that the interface stays down where there is no other.
      isStarted && !startsItself(profile)
        ? []
        : profile.settings.flatMap((setting): Undoing[] => {
            const what = effectOf(setting, link);
            return what === null ? [] : [undoing({ ...setting, path: profile.path }, link, what)];
          }),
    );
  });
}

const startsItself = ({ settings }: { readonly settings: readonly Setting[] }): boolean =>
  !settings.some(
    ({ section, key, value }) => section === 'connection' && key === 'autoconnect' && isNo(value),
  );

/** Whether a connection is for an interface: by its name, its MAC, or a pattern of names; one for any is for none. */
function isOf(settings: readonly Setting[], { name, mac, vlan }: WantedLink): boolean {
  const valueOf = (section: string, key: string): string | undefined =>
    settings.find((one) => one.section === section && one.key === key)?.value;
  const type = valueOf('connection', 'type');
  if (type !== undefined && (type === 'vlan') !== (vlan !== null)) return false;
  const named = valueOf('connection', 'interface-name');
  if (named !== undefined) return named === name;
  const hardware = valueOf('ethernet', 'mac-address') ?? valueOf('802-3-ethernet', 'mac-address');
  // A VLAN has the MAC of what it is on.
  if (hardware !== undefined) return vlan === null && hardware.toLowerCase() === mac;
  const patterns = (valueOf('match', 'interface-name') ?? '').split(/[;\s]+/).filter((one) => one !== '');
  return patterns.some((one) => isLike(one, name)) && !patterns.includes(`!${name}`);
}

function effectOf({ section, key, value }: Setting, link: WantedLink): string | null {
  const { vlan } = link;
  switch (`${section.replace('802-3-', '')}.${key}`) {
    case 'ethernet.accept-all-mac-addresses':
      return link.promiscuous && isNo(value) ? does.lacksPromiscuity : null;
    case 'ethernet.mtu':
      return isMtuWrong(link, value) ? does.hasMtu(value) : null;
    case 'connection.autoconnect':
      return vlan === null && isNo(value) ? does.staysDown : null;
    case 'connection.master':
    case 'connection.controller':
      // It may be named by its interface, or by its UUID.
      return vlan === null && value !== '' && link.master === null ? does.joins(value) : null;
    case 'vlan.id':
      return vlan !== null && Number(value) !== vlan.id ? does.hasVlan(value) : null;
    case 'vlan.parent':
      return vlan !== null && value !== vlan.parent && !value.includes('-') && !value.includes(':')
        ? does.standsOn(value)
        : null;
    default:
      return null;
  }
}
