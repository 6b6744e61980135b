import type { DockerNetwork } from '../host/docker-engine.ts';
import type { FixedSpec } from '../observation/marks.ts';
import type { ObservedDocker } from '../observation/observed.ts';

/**
 * Why Docker would refuse another macvlan network on this interface, or null when it would not. Before Engine 27 a
 * parent carries one; passthru shares with nobody; macvlan and ipvlan never share.
 *
 * `instead`: the network that goes away first.
 */
export function parentInUse(
  docker: ObservedDocker,
  wanted: FixedSpec,
  instead: DockerNetwork | null,
): string | null {
  const sharing = majorOf(docker.version.version) >= 27;
  for (const other of docker.networks) {
    if (other.id === instead?.id || other.options['parent'] !== wanted.link) continue;
    if (other.driver === 'ipvlan') {
      return `${wanted.link} carries the ipvlan network ${other.name}, and macvlan cannot share it: remove that network or choose another parent`;
    }
    if (other.driver !== 'macvlan') continue;
    if (!sharing) {
      return `${wanted.link} already carries Docker network ${other.name}, and Docker ${docker.version.version} allows one macvlan network per parent: remove that network, use a VLAN, or update Docker to 27`;
    }
    if (wanted.mode === 'passthru' || other.options['macvlan_mode'] === 'passthru') {
      return `${wanted.link} already carries Docker network ${other.name}, and a passthru network cannot share its parent: remove that network or choose another parent`;
    }
  }
  return null;
}

/** Of `20.10.24`; 0 for what is no version, the careful reading. */
function majorOf(version: string): number {
  return Number.parseInt(version, 10) || 0;
}
