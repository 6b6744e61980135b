import {
  does,
  isMtuWrong,
  isNo,
  settingsOf,
  undoing,
  type HostFile,
  type Setting,
  type Undoing,
  type WantedLink,
} from './undoing.ts';

/**
 * Files with a variable a line: of initscripts and NetworkManager's ifcfg-rh plugin in /etc/sysconfig/network-scripts
 * (nm-settings-ifcfg-rh(5)), and of wicked in /etc/sysconfig/network (ifcfg(5), ifcfg-bridge(5), ifcfg-bonding(5)).
 */
export function undoneByIfcfg(files: readonly HostFile[], wanted: readonly WantedLink[]): readonly Undoing[] {
  return files.flatMap(({ path, text }): Undoing[] => {
    const settings = settingsOf(text);
    const valueOf = (key: string): string | undefined => settings.findLast((one) => one.key === key)?.value;
    const name = valueOf('device') ?? /\/ifcfg-([^/]+)$/.exec(path)?.[1] ?? '';
    const hardware = valueOf('hwaddr')?.toLowerCase();
    return wanted.flatMap((link) =>
      settings.flatMap((setting): Undoing[] => {
        // A VLAN has the MAC of what it is on.
        const isRenamed = link.vlan === null && valueOf('vlan') === undefined && name !== link.name;
        const what =
          name === link.name
            ? effectOf(setting, link)
            : isRenamed && hardware !== undefined && hardware === link.mac
              ? renamed(setting, name, valueOf('device') === undefined)
              : portOf(setting, name, link);
        return what === null ? [] : [undoing({ ...setting, path }, link, what)];
      }),
    );
  });
}

function effectOf({ key, value }: Setting, link: WantedLink): string | null {
  const { vlan } = link;
  switch (key) {
    case 'promisc':
      return link.promiscuous && isNo(value) ? does.lacksPromiscuity : null;
    case 'onboot':
      return vlan === null && isNo(value) ? does.staysDown : null;
    case 'startmode':
      return vlan === null && /^(?:off|manual)$/.test(value) ? does.staysDown : null;
    case 'mtu':
      return isMtuWrong(link, value) ? does.hasMtu(value) : null;
    case 'bridge':
    case 'master':
    case 'ovs_bridge':
    case 'team_master':
    case 'vrf':
      return vlan === null && value !== '' && link.master !== value ? does.joins(value) : null;
    case 'vlan_id':
      return vlan !== null && Number(value) !== vlan.id ? does.hasVlan(value) : null;
    case 'physdev':
    case 'etherdevice':
      return vlan !== null && value !== vlan.parent ? does.standsOn(value) : null;
    default:
      return null;
  }
}

/** /usr/lib/udev/rename_device of initscripts names an interface after the file that has its MAC. */
const renamed = ({ key }: Setting, name: string, isByFile: boolean): string | null =>
  key === (isByFile ? 'hwaddr' : 'device') ? does.isNamed(name) : null;

/** A bridge or bond of wicked that takes the parent for a port. */
function portOf({ key, value }: Setting, master: string, link: WantedLink): string | null {
  const takes = /^(?:bridge_ports|bonding_slave_?\d+|team_port_device_?\d+)$/.test(key);
  const isOurs = link.vlan === null && value.split(/\s+/).includes(link.name);
  return takes && isOurs && link.master !== master ? does.joins(master) : null;
}
