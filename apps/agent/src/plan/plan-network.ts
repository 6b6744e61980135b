import type { DesiredNetwork } from '@trunkline/contracts';
import { summary } from './conditions.ts';
import { leftLink } from './link-users.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { Observed } from '../observation/observed.ts';
import { planHostAccess } from './plan-host-access.ts';
import { planDockerNetwork } from './plan-docker-network.ts';
import { planLinksToRestore } from './plan-links-to-restore.ts';
import { planLink } from './plan-link.ts';
import { planNetworkRemoval } from './plan-network-removal.ts';
import { planReattachment } from './plan-reattachment.ts';
import { leftShim } from './plan-shim.ts';

/**
 * What to do for one network. Pure. Only what carries our mark is ever removed: when the network is absent, or to make
 * it again where Docker cannot change it; and while containers are attached only where the network has `force`.
 *
 * `others`: all networks of the document, to see what shares a link or a wire.
 */
export function planNetwork(
  network: DesiredNetwork,
  observed: Observed,
  others: readonly DesiredNetwork[],
): NetworkPlan {
  if (network.state === 'absent') return planNetworkRemoval(network, observed, others);
  const below = planLink(network, observed, others);
  const docker = planDockerNetwork(network, observed, below, others);
  const usable = below.usable && docker.condition.status === 'True';
  const again = planReattachment(network, observed, usable);
  const left = leftLink(network, observed, others, below.link);
  const access = planHostAccess(network, observed, others, {
    link: below.link,
    problem: below.shim.problem,
  });
  const shim = leftShim(network, observed, others, below.link);
  const book = docker.book === null ? [] : [docker.book];
  const parts = [
    ...below.conditions,
    docker.condition,
    ...book,
    ...again.conditions,
    ...(access.condition === null ? [] : [access.condition]),
  ];
  return {
    // What is taken away comes last.
    steps: [
      ...below.steps,
      ...docker.steps,
      ...again.steps,
      ...(left === null ? [] : [left]),
      ...planLinksToRestore(network, observed, others),
      // Nothing else needs host access: where it fails, the rest is done.
      ...below.shim.steps,
      ...access.steps,
      ...(shim === null ? [] : [shim]),
    ],
    conditions: [...parts, summary(parts, `Docker network ${network.name} exists on ${below.link ?? '?'}`)],
    link: below.link,
    dockerNetworkId: docker.dockerNetworkId,
    usable,
    removed: false,
  };
}
