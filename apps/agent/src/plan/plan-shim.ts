import type { DesiredNetwork } from '@trunkline/contracts';
import { conflictOfShim, type Link } from '../host/links.ts';
import { linkAlias, shimMac, shimName } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import { isShim } from '../observation/shims.ts';
import { fails, mending, type ConditionDraft } from './conditions.ts';
import { usersOf } from './link-users.ts';
import type { Step } from './steps.ts';
import { dockerNetworksOf, runningOn } from './wanted-host-access.ts';

/** What a network needs of the shim on its link. */
export interface ShimPlan {
  readonly steps: readonly Step[];
  /** What is wrong with it; null where it is as it should be, or where the network needs none. */
  readonly problem: ConditionDraft | null;
}

/**
 * The shim on the link of a network with host access: one for all networks on that link, with the mark of one of them. Needs no
 * Docker, and takes nothing away. Pure. `nic`: the NIC below, `link`: what the network hangs on.
 */
export function planShim(network: DesiredNetwork, nic: Link, link: string, observed: Observed): ShimPlan {
  if (!network.hostAccess) return { steps: [], problem: null };
  const spec = { parent: link, name: shimName(link), mac: shimMac(link, nic.mac) };
  const existing = observed.links.find(({ name }) => name === spec.name);
  const up: Step = { do: 'set-link-up', link: spec.name, as: 'shim' };
  if (existing !== undefined && !isShim(existing)) {
    // Without an alias and with our MAC it is one that an agent made before it was killed.
    const conflict =
      existing.alias === null ? conflictOfShim(existing, spec) : `it has the alias ${existing.alias}`;
    if (conflict !== null) return blocked(spec.name, conflict);
  }
  if (existing === undefined || !isShim(existing)) {
    const { name, mac } = spec;
    const add: Step = { do: 'add-shim', parent: link, link: name, mac, alias: linkAlias(network.id) };
    return {
      steps: [add, up],
      problem: mending('HostAccess', 'ShimMissing', `${name} does not exist yet; it is being created`),
    };
  }
  if (existing.parent !== link) return blocked(spec.name, `its parent is ${existing.parent ?? 'unknown'}`);
  const below = observed.links.find(({ name }) => name === link);
  const mtu: Step[] =
    below === undefined || below.mtu === existing.mtu
      ? []
      : [{ do: 'set-mtu', link: spec.name, mtu: below.mtu }];
  const steps = [...mtu, ...(existing.up ? [] : [up])];
  return {
    steps,
    problem:
      steps.length === 0
        ? null
        : mending(
            'HostAccess',
            'ShimMissing',
            existing.up
              ? `the MTU of ${spec.name} is ${existing.mtu}; it is being set to ${below?.mtu ?? existing.mtu}`
              : `${spec.name} is down; it is being set up`,
          ),
  };
}

function blocked(name: string, conflict: string): ShimPlan {
  const message = `${name} is left alone: ${conflict}; rename or remove it`;
  return { steps: [], problem: fails('HostAccess', 'ShimConflict', message) };
}

/** What becomes of a shim with the mark of a network that no longer needs it. */
export type LeftShim = Step & { readonly do: 'remove-link' | 'hand-over-link' };

/**
 * The shim with this network's mark that it no longer needs: handed over to another network with host access on that link, else
 * removed, with all routes over it. It stays while containers rely on it: those of a network that is about to change its link, and
 * those whose own routes have yet to go. Pure.
 */
export function leftShim(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
  keep: string | null,
): LeftShim | null {
  const alias = linkAlias(network.id);
  const needed = network.state === 'present' && network.hostAccess && keep !== null ? shimName(keep) : null;
  const shim = observed.links.find((one) => isShim(one) && one.alias === alias && one.name !== needed);
  if (shim === undefined || shim.parent === null) return null;
  const [heir] = usersOf(
    shim.parent,
    others.filter(({ id, hostAccess }) => id !== network.id && hostAccess),
    observed.defaultRoute,
  );
  if (heir !== undefined) return { do: 'hand-over-link', link: shim.name, alias, to: linkAlias(heir.id) };
  const { docker } = observed;
  if (!docker.reachable) return null;
  const networks = [network, ...others.filter(({ id }) => id !== network.id)];
  for (const one of networks) {
    const there = dockerNetworksOf(one, networks, observed, docker).filter(
      ({ options }) => options['parent'] === shim.parent,
    );
    if (one.state === 'present' && one.hostAccess && there.length > 0) return null;
    // Those of this network lose their routes by earlier steps of the same plan.
    if (one.id === network.id) continue;
    const isRoutedTo = runningOn(docker, there).some(
      ({ id }) => (docker.hostAccess?.get(id)?.routes.length ?? 0) > 0,
    );
    if (isRoutedTo) return null;
  }
  return { do: 'remove-link', link: shim.name, alias };
}
