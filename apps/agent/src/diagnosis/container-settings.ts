import type { HostFinding } from '@trunkline/contracts';
import type { Link } from '../host/links.ts';
import { networkOf, subjectOf, type Place } from './container-inside.ts';

/** What an interface inside a container has otherwise than Docker makes it. Pure. */
export function settingFindings(place: Place, link: Link, name: string): readonly HostFinding[] {
  // A container may put its address on a bridge of its own.
  if (link.kind !== 'macvlan') return [];
  const { docker, mtu } = place;
  const mode = docker?.driver === 'macvlan' ? (docker.options['macvlan_mode'] ?? 'bridge') : null;
  const isOtherMode = mode !== null && link.macvlanMode !== null && link.macvlanMode !== mode;
  return [
    ...(link.noArp === true
      ? [
          differs(place, link, name, {
            is: 'has ARP switched off, so that it finds nobody and nobody finds it',
            shows: 'NOARP',
          }),
        ]
      : []),
    ...(isOtherMode
      ? [
          differs(place, link, name, {
            is: `has the macvlan mode ${link.macvlanMode}, and its network ${mode}`,
            shows: `macvlan mode ${link.macvlanMode}`,
          }),
        ]
      : []),
    ...(mtu !== null && link.mtu < mtu ? [smaller(place, link, name, mtu)] : []),
  ];
}

function differs(
  place: Place,
  link: Link,
  name: string,
  { is, shows }: { readonly is: string; readonly shows: string },
): HostFinding {
  return {
    code: 'interface-differs',
    subject: subjectOf(name, link),
    message: `interface ${link.name} of container ${name}, for ${networkOf(place)}, ${is}`,
    evidence: [`ip -details link show ${link.name} inside ${name}: ${shows}`],
    remedy: `docker restart ${name}; then look for what changes interfaces inside it`,
  };
}

function smaller(place: Place, link: Link, name: string, mtu: number): HostFinding {
  return {
    code: 'mtu-differs',
    subject: subjectOf(name, link),
    message: `interface ${link.name} of container ${name}, for ${networkOf(place)}, has the MTU ${link.mtu}, and the interface below it ${mtu}`,
    evidence: [`ip link show ${link.name} inside ${name}: mtu ${link.mtu}; below it: mtu ${mtu}`],
    remedy: `docker restart ${name}: it takes over the MTU of the interface below it when it starts`,
  };
}
