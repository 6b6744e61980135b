import { listed } from '@trunkline/log';
import type { DesiredDocument } from '@trunkline/contracts';
import { isKernelNewEnough } from '../host/kernel.ts';
import { engineAnnounces } from '../wire/announcer.ts';
import { installation } from '../wire/tools.ts';
import { advises, fails, holds, type ConditionDraft } from './conditions.ts';
import type { Observed } from '../observation/observed.ts';
import { noVlans } from './plan-link.ts';

/** What a host must have before any network can be on it (scenario S4). Pure. */
export function preparation(observed: Observed, desired: DesiredDocument | null): ConditionDraft[] {
  const announces = announcement(observed);
  return [
    kernel(observed),
    vlans(observed, desired),
    probing(observed),
    ...(announces === null ? [] : [announces]),
  ];
}

function kernel({ kernel: { release, modules } }: Observed): ConditionDraft {
  if (!isKernelNewEnough(release)) {
    return fails(
      'KernelReady',
      'KernelTooOld',
      `Linux ${release} is too old for macvlan, which requires 3.9 or later: update the kernel`,
    );
  }
  if (modules.macvlan === 'missing') {
    return fails(
      'KernelReady',
      'MacvlanMissing',
      `Linux ${release} has no macvlan (modinfo macvlan): install the kernel modules, which some distributions ship as a separate package`,
    );
  }
  return holds('KernelReady', 'MacvlanThere', `Linux ${release} has macvlan`);
}

/** Stands in nobody's way on a host without VLAN networks. */
function vlans({ kernel: { release, modules } }: Observed, desired: DesiredDocument | null): ConditionDraft {
  if (modules['8021q'] !== 'missing') {
    return holds('VlanReady', 'VlansThere', `Linux ${release} has 802.1Q VLANs`);
  }
  const wanted = desired?.networks.some(({ state, vlan }) => state === 'present' && vlan !== null) === true;
  return (wanted ? fails : advises)('VlanReady', 'VlanUnsupported', noVlans);
}

/** Addresses of networks are asked for on the wire before containers get them. */
function probing({ wire }: Observed): ConditionDraft {
  const missing = wire.missing.filter(({ tool }) => probeTools.has(tool));
  return missing.length === 0
    ? holds('WireProbed', 'ToolsThere', 'addresses are probed on the wire before containers get them')
    : advises(
        'WireProbed',
        'ToolsMissing',
        `addresses are not probed for foreign machines before containers get them, because tools are missing: ${missing.map(({ tool }) => tool).join(', ')}: ${installation(missing)}`,
      );
}

function announcement({ docker, wire }: Observed): ConditionDraft | null {
  if (!docker.reachable) return null;
  const { version } = docker.version;
  if (engineAnnounces(version)) {
    return holds(
      'AddressesAnnounced',
      'EngineAnnounces',
      `Docker ${version} announces the address of each container`,
    );
  }
  const missing = wire.missing.filter(({ tool }) => announcementTools.has(tool));
  if (missing.length > 0) {
    return advises(
      'AddressesAnnounced',
      'ToolsMissing',
      `Docker ${version} does not announce the address of a container that starts, and the agent cannot do it, because tools are missing: ${missing.map(({ tool }) => tool).join(', ')}: neighbours may use an old MAC for an address that moved until their ARP entry ages; ${installation(missing)}, or update Docker to 28`,
    );
  }
  const [failed] = wire.unannounced;
  if (failed !== undefined) {
    const addresses = wire.unannounced.map(({ ip, container }) => `${ip} of ${container}`);
    return advises(
      'AddressesAnnounced',
      'AnnounceFailed',
      `${listed(addresses)} could not be announced: ${failed.message}; neighbours may use an old MAC for such an address until their ARP entry ages: restart the container, or ping the gateway from it`,
    );
  }
  return holds(
    'AddressesAnnounced',
    'AgentAnnounces',
    `Docker ${version} does not announce the address of a container that starts; the agent does`,
  );
}

const probeTools = new Set(['nft', 'unshare', 'nsenter']);
const announcementTools = new Set(['arping', 'nsenter']);
