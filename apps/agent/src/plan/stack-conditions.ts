import { listed } from '@trunkline/log';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import { everything, type Permissions } from '../observation/permissions.ts';
import { stackSharing } from '../observation/stack-sharing.ts';
import type { StackSharer } from '../observation/stack-sharers.ts';
import { advises, holds, type DraftOf } from './conditions.ts';
import { needsOf } from './plan-sharers.ts';

type Draft = DraftOf<'SharedStack'>;

/** `SharedStack` of the host: how the containers of others are that share a stack of ours; null where there are none. Pure. */
export function sharedStackOfHost(
  docker: ObservedDocker,
  { containers }: Permissions = everything,
): Draft | null {
  const all = needsOf(docker);
  if (all.length === 0) return null;
  const remake = all.filter(({ need }) => need === 'remake');
  if (remake.length > 0) return madeForEarlier(remake);
  const restarted = all.filter(({ need }) => need === 'restart' || need === 'start');
  if (restarted.length > 0 && containers !== 'all') {
    return advises(
      'SharedStack',
      'SharersNotAllowed',
      `${pairs(restarted)}: started again, or never before it; what shares it has no network until somebody restarts it (docker restart ${restarted[0]?.sharer.name ?? ''}): TRUNKLINE_CONTAINERS=${containers} of this host does not let the agent`,
    );
  }
  if (restarted.length > 0) {
    return advises(
      'SharedStack',
      'SharersRestarting',
      `${pairs(restarted)}: started again, or never before it; the agent is starting what shares it again`,
    );
  }
  const waiting = all.filter(({ need }) => need === 'wait');
  if (waiting.length > 0) {
    return advises(
      'SharedStack',
      'OwnerNotRunning',
      `${pairs(waiting)}, which does not run: what shares it has no network. The agent starts it again once the other runs (docker start ${waiting[0]?.ownerName ?? ''})`,
    );
  }
  const follows =
    containers === 'all'
      ? 'the agent restarts what shares it with it'
      : 'the agent restarts nothing of others here';
  return holds('SharedStack', 'Shared', `${pairs(all)}; ${follows}`);
}

/** `SharedStack` of a container of ours; null where nobody shares its stack. `found`: null: it is not there. Pure. */
export function sharedStackOf(
  name: string,
  found: DockerContainerDetail | null,
  docker: ObservedDocker,
): Draft | null {
  const remake = needsOf(docker).filter(({ need, ownerName }) => need === 'remake' && ownerName === name);
  if (remake.length > 0) return madeForEarlier(remake);
  const sharers = found === null ? [] : stackSharing(docker.containers).allSharersOf(found.id);
  return sharers.length === 0
    ? null
    : holds(
        'SharedStack',
        'Shared',
        `its network stack is shared by ${listed(sharers.map((one) => one.name))}`,
      );
}

/** What is left of its sharers when a container goes; empty where nobody shares its stack. Pure. */
export function leftBehind(
  found: DockerContainerDetail,
  docker: ObservedDocker,
  others: ReadonlySet<string>,
): string {
  const sharers = stackSharing(docker.containers)
    .allSharersOf(found.id)
    .filter(({ name }) => !others.has(name));
  return sharers.length === 0
    ? ''
    : `; ${listed(sharers.map(({ name }) => name))}, which Trunkline does not run, shared its network stack and has no network from then on: remove it and make it again`;
}

function madeForEarlier(sharers: readonly StackSharer[]): Draft {
  const first = sharers[0];
  return advises(
    'SharedStack',
    'MadeForEarlier',
    `${pairs(sharers)}, a container that is gone: Docker starts what was made for it with no other container, also with one of the same name. Remove it and make it again: docker rm -f ${first?.sharer.name ?? ''}, then docker run with --network container:${first?.ownerName ?? ''}`,
  );
}

/** Who shares whose stack: `t2 and t3 share the network stack of t1`. */
function pairs(sharers: readonly StackSharer[]): string {
  const byOwner = Map.groupBy(sharers, ({ ownerName }) => ownerName);
  return listed(
    [...byOwner].map(([owner, ones]) => {
      const names = listed(ones.map(({ sharer }) => sharer.name));
      return `${names} ${ones.length === 1 ? 'shares' : 'share'} the network stack of ${owner}`;
    }),
  );
}
