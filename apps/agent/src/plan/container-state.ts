import type { DesiredContainer } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import { failedToJoin } from '../observation/stale-stack.ts';
import { fails, holds, unknown, type ConditionDraft, type DraftOf } from './conditions.ts';
import { addressMismatches } from './container-fit.ts';

/** Whether a container has the interfaces that Docker reports; null where nobody could look, and for one whose stack is not its own. */
export function attachedCondition(
  own: DockerContainerDetail,
  docker: ObservedDocker,
): DraftOf<'NetworkAttached'> | null {
  const has = docker.interfaces.get(own.id);
  const should = own.endpoints.filter(({ ipv4, ipv6 }) => ipv4 !== null || ipv6 !== null).length;
  if (own.status !== 'running' || has === undefined || own.networkMode.startsWith('container:')) return null;
  if (has >= should) {
    return holds('NetworkAttached', 'InterfacesThere', `it has its ${should} network interface(s)`);
  }
  return fails(
    'NetworkAttached',
    'InterfaceLost',
    `it runs without ${should - has} of its ${should} network interface(s): the link below vanished, and only a restart brings it back (docker restart ${own.name}, or restartBroken on the network)`,
  );
}

/** Whether it ended although its policy is to run, or could not join the stack that it shares, and not by anybody's hand. */
export function shouldHaveRun(
  container: DesiredContainer,
  own: DockerContainerDetail,
  { outage }: ObservedDocker,
): boolean {
  if (own.status !== 'exited') return false;
  // Whoever started or restarted it wanted it to run, whatever its policy.
  if (failedToJoin(own)) return true;
  if (container.restart !== 'always' && container.restart !== 'unless-stopped') return false;
  const endedAt = own.finishedAt === null ? null : Date.parse(own.finishedAt);
  const inOutage = outage !== null && endedAt !== null && endedAt >= outage.from && endedAt <= outage.to;
  return own.error !== null || inOutage;
}

/** `Ready`, as the state of a container that is as it was left: nothing is to be done for it. */
export function stateCondition(container: DesiredContainer, own: DockerContainerDetail): ConditionDraft {
  switch (own.status) {
    case 'running': {
      const wrong = addressMismatches(container, own);
      if (wrong.length > 0) return fails('Ready', 'AddressMismatch', wrong.join('; '));
      const revoked = container.attachments.flatMap(({ withdrawn = [] }) => withdrawn);
      if (revoked.length > 0)
        return fails(
          'Ready',
          'AddressRevoked',
          `it runs with ${listed(revoked)}, released by force or in conflict: it is refused the address at its next start; remove it, and create it again with another address`,
        );
      return holds('Ready', 'Running', 'it runs with the addresses reserved for it');
    }
    case 'exited':
      return fails(
        'Ready',
        'Exited',
        `it ended with exit code ${own.exitCode} and its restart policy (${container.restart}) does not restart it; start it with docker start ${own.name}`,
      );
    case 'paused':
      return fails('Ready', 'Paused', `it is paused; resume it with docker unpause ${own.name}`);
    case 'restarting':
      return fails(
        'Ready',
        'Restarting',
        `it keeps ending (exit code ${own.exitCode}); see docker logs ${own.name}`,
      );
    case 'removing':
      return fails('Ready', 'BeingRemoved', 'Docker is removing it; it is created again afterwards');
    case 'dead':
      return fails(
        'Ready',
        'Dead',
        `Docker could not remove it completely; remove it with docker rm -f ${own.name}`,
      );
    case 'created':
    case 'unknown':
      return unknown('Ready', 'StateUnknown', `Docker reports the state ${own.status}`);
  }
}
