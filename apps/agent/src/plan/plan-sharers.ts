import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerContainerDetail, DockerNetwork } from '../host/docker-engine.ts';
import { networkLabel } from '../observation/marks.ts';
import { isCoordinated } from '../observation/network-fit.ts';
import type { Observed } from '../observation/observed.ts';
import { everything } from '../observation/permissions.ts';
import { failedToJoin, isStale } from '../observation/stale-stack.ts';
import type { StackSharer } from '../observation/stack-sharers.ts';
import { standsFor } from '../observation/stands-for.ts';
import type { RevivalPlan } from './plan-revivals.ts';
import type { Step } from './steps.ts';

/**
 * What a container of others that shares a stack needs. `restart`: it is in the namespace of an earlier run. `start`: it should run,
 * and can again. `wait`: it needs one of these once the container that it shares with runs. `remake`: that container is gone, and Docker
 * starts it with no other. `nothing`: it is as it should be, or as a person left it.
 */
export type SharerNeed = 'nothing' | 'restart' | 'start' | 'wait' | 'remake';

/**
 * Pure. A container that a person stopped needs nothing: its last start did not fail, and nobody was restarting it.
 *
 * `restartingSince`: when a restart of it began that has not come to its end, milliseconds since 1970; null: none has.
 */
export function sharerNeed(
  { sharer, owner }: Pick<StackSharer, 'sharer' | 'owner'>,
  sandboxes: ReadonlyMap<string, number> | undefined,
  restartingSince: number | null,
): SharerNeed {
  if (owner === null) return 'remake';
  if (sharer.status === 'running') {
    if (owner.status === 'paused') return 'nothing';
    if (owner.status !== 'running') return 'wait';
    return isStale(sharer, owner, sandboxes) ? 'restart' : 'nothing';
  }
  if (sharer.status !== 'exited') return 'nothing';
  const wasStopped = restartingSince !== null && startedBefore(sharer, restartingSince);
  if (!wasStopped && !(failedToJoin(sharer) && hasPolicy(sharer))) return 'nothing';
  return owner.status === 'running' ? 'start' : 'wait';
}

/** Plans for them, by Docker's id; none where the host allows the agent nothing of others. Pure. `networks`: those of the document. */
export function planSharers(
  { docker, adopted, permitted = everything }: Pick<Observed, 'docker' | 'adopted' | 'permitted'>,
  networks: readonly DesiredNetwork[],
): ReadonlyMap<string, RevivalPlan> {
  if (!docker.reachable || permitted.containers !== 'all') return new Map();
  return new Map(
    needsOf(docker).map(({ sharer, ownerName: of, networks: on, need }) => {
      const target = { dockerId: sharer.id, name: sharer.name, of };
      const steps: Step[] =
        need === 'restart'
          ? [{ do: 'restart-sharer', ...target }]
          : need === 'start'
            ? [{ do: 'start-sharer', ...target }]
            : [];
      const networkIds = [...new Set(on.flatMap((one) => idsOf(one, adopted, networks)))];
      return [sharer.id, { name: sharer.name, steps, networks: on, networkIds }];
    }),
  );
}

/** What each of them needs. Pure. */
export function needsOf(
  docker: Pick<Observed['docker'] & { reachable: true }, 'stackSharers' | 'sandboxes' | 'restartingSharers'>,
): (StackSharer & { readonly need: SharerNeed })[] {
  return (docker.stackSharers ?? []).map((one) => ({
    ...one,
    need: sharerNeed(one, docker.sandboxes, docker.restartingSharers?.[one.sharer.id] ?? null),
  }));
}

function hasPolicy({
  restartPolicy: { name, maximumRetryCount },
  restartCount,
}: DockerContainerDetail): boolean {
  if (name === 'on-failure') return maximumRetryCount === 0 || restartCount < maximumRetryCount;
  return name !== 'no';
}

function startedBefore({ startedAt }: DockerContainerDetail, time: number): boolean {
  return startedAt !== null && Date.parse(startedAt) < time;
}

function idsOf(
  docker: DockerNetwork,
  adopted: Observed['adopted'],
  networks: readonly DesiredNetwork[],
): readonly string[] {
  if (isCoordinated(docker)) return standsFor(docker, { networks, held: [] }).ids;
  return networks
    .filter(({ id }) => docker.labels[networkLabel] === id || adopted[id] === docker.id)
    .map(({ id }) => id);
}
