import {
  does,
  isMtuWrong,
  isNo,
  settingsOf,
  type HostFile,
  type Undoing,
  type WantedLink,
} from './undoing.ts';

/** Files of initscripts and of NetworkManager's ifcfg-rh plugin: /etc/sysconfig/network-scripts/ifcfg-ens33 (nm-settings-ifcfg-rh(5)). */
export function undoneByIfcfg(files: readonly HostFile[], wanted: readonly WantedLink[]): readonly Undoing[] {
  return files.flatMap(({ path, text }): Undoing[] => {
    const settings = settingsOf(text);
    const valueOf = (key: string): string | undefined => settings.findLast((one) => one.key === key)?.value;
    const name = valueOf('device') ?? /\/ifcfg-([^/]+)$/.exec(path)?.[1];
    const link = wanted.find((one) => one.name === name);
    if (link === undefined) return [];
    return settings.flatMap((setting): Undoing[] => {
      const what = effectOf(setting.key, setting.value, link);
      return what === null
        ? []
        : [{ path, line: setting.line, text: setting.text, link: link.name, does: what }];
    });
  });
}

function effectOf(key: string, value: string, link: WantedLink): string | null {
  const { vlan } = link;
  switch (key) {
    case 'promisc':
      return link.promiscuous && isNo(value) ? does.lacksPromiscuity : null;
    case 'onboot':
      return vlan === null && isNo(value) ? does.staysDown : null;
    case 'mtu':
      return isMtuWrong(link, value) ? does.hasMtu(value) : null;
    case 'bridge':
    case 'master':
      return vlan === null && value !== '' && link.master !== value ? does.joins(value) : null;
    case 'vlan_id':
      return vlan !== null && Number(value) !== vlan.id ? does.hasVlan(value) : null;
    case 'physdev':
      return vlan !== null && value !== vlan.parent ? does.standsOn(value) : null;
    default:
      return null;
  }
}
