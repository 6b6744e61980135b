import type { DesiredDocument } from '@trunkline/contracts';
import { isKernelNewEnough } from '../host/kernel.ts';
import { advises, fails, holds, type ConditionDraft } from './conditions.ts';
import type { Observed } from './observe.ts';
import { noVlans } from './plan-link.ts';

/** What a host must have before any network can be on it (scenario S4). Pure. */
export function preparation(observed: Observed, desired: DesiredDocument | null): ConditionDraft[] {
  const announces = announcement(observed);
  return [kernel(observed), vlans(observed, desired), ...(announces === null ? [] : [announces])];
}

function kernel({ kernel: { release, modules } }: Observed): ConditionDraft {
  if (!isKernelNewEnough(release)) {
    return fails(
      'KernelReady',
      'KernelTooOld',
      `Linux ${release} is too old for macvlan: it needs 3.9 or later; update the kernel`,
    );
  }
  if (modules.macvlan === 'missing') {
    return fails(
      'KernelReady',
      'MacvlanMissing',
      `Linux ${release} has no macvlan (modinfo macvlan): install the kernel's modules, on some distributions a package of their own`,
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

/** Engine 28 was the first to announce a container's address itself (moby 30238). */
function announcement({ docker }: Observed): ConditionDraft | null {
  if (!docker.reachable) return null;
  const { version } = docker.version;
  return Number.parseInt(version, 10) >= 28
    ? holds(
        'AddressesAnnounced',
        'EngineAnnounces',
        `Docker ${version} announces the address of each container`,
      )
    : advises(
        'AddressesAnnounced',
        'EngineSilent',
        `Docker ${version} sends no gratuitous ARP when a container starts: neighbours may use an old MAC for an address that moved until their ARP entry ages; update Docker to 28, or ping the gateway from the container`,
      );
}
