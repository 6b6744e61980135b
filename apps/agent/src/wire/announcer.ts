import { shortMessageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import type { RunCommand } from '../host/command.ts';
import type { DockerEngine, DockerNetwork } from '../host/docker-engine.ts';
import { networkLabel } from '../observation/marks.ts';
import type { Observed } from '../observation/observed.ts';
import type { Timing } from '../lib/timing.ts';
import { announceAddress } from './announce.ts';
import { createSlots } from '../lib/slots.ts';
import type { AnnounceFailure } from '../observation/wire-state.ts';

/** What addresses are announced with. */
export interface AnnouncerDeps {
  readonly docker: Pick<DockerEngine, 'container'>;
  readonly run: RunCommand;
  readonly timing: Pick<Timing, 'now'>;
  readonly log: Logger;
  /** An IPv6 address was announced, by which the container's interface lost all its neighbours (`announceAddress`). Default: nothing. */
  readonly onNeighboursLost?: () => void;
}

/** Announces the addresses that containers took. */
export interface Announcer {
  /** A look came to an end. Returns at once. */
  readonly onObservation: (observed: Pick<Observed, 'docker' | 'adopted'>) => void;
  /** Failed announcements of containers that still run. */
  readonly failures: () => readonly AnnounceFailure[];
  /** Ends what still runs, and starts no more. */
  readonly close: () => void;
}

/** Engine 28 was the first to announce a container's address itself (moby 30238). */
export function engineAnnounces(version: string): boolean {
  return Number.parseInt(version, 10) >= 28;
}

/** Containers that are announced at once. */
const atOnce = 16;
/** What started longer before the agent than this is known on the wire, in milliseconds. */
const freshMs = 60_000;

interface Taken {
  readonly key: string;
  readonly container: string;
  readonly name: string;
  readonly ip: string;
}

/**
 * Announces each address of each container on our networks once for each start, on an Engine that does not do it. Works from
 * what looks saw, so never while Docker waits for an answer of ours; the endpoint's id differs from start to start.
 * What fails is kept for the report, and not tried again before the next start: a neighbour learns it from the next packet of
 * the container, or when its entry ages.
 */
export function createAnnouncer(deps: AnnouncerDeps): Announcer {
  const began = deps.timing.now();
  const slot = createSlots(atOnce);
  const ended = new AbortController();
  /** By key; null: done, or being done. */
  const announced = new Map<string, AnnounceFailure | null>();

  async function announce({ key, container, name, ip }: Taken): Promise<void> {
    let process: number | null = null;
    try {
      await slot(async () => {
        ended.signal.throwIfAborted();
        const { pid, startedAt } = await deps.docker.container(container);
        if (pid === null) return;
        if (startedAt !== null && Date.parse(startedAt) < began - freshMs) return;
        process = pid;
        try {
          await announceAddress(deps.run, pid, ip, ended.signal);
        } finally {
          if (ip.includes(':')) deps.onNeighboursLost?.();
        }
        deps.log.debug({ container: name, ip }, 'address announced');
      });
    } catch (error) {
      // A container that ended meanwhile is no failure; its next start is another one.
      if (ended.signal.aborted || !(await runsStill(container, process))) return;
      deps.log.warn({ err: error, container: name, ip }, 'address could not be announced');
      const message = shortMessageOf(error);
      if (announced.has(key)) announced.set(key, { container: name, ip, message });
    }
  }

  async function runsStill(container: string, process: number | null): Promise<boolean> {
    if (process === null) return false;
    try {
      return (await deps.docker.container(container)).pid === process;
    } catch {
      return false;
    }
  }

  return {
    onObservation: ({ docker, adopted }) => {
      if (!docker.reachable || ended.signal.aborted) return;
      if (engineAnnounces(docker.version.version)) return announced.clear();
      const taken = addressesTaken(docker, new Set(Object.values(adopted)));
      const there = new Set(taken.map(({ key }) => key));
      for (const key of announced.keys()) if (!there.has(key)) announced.delete(key);
      for (const one of taken) {
        if (announced.has(one.key)) continue;
        announced.set(one.key, null);
        void announce(one);
      }
    },
    failures: () => [...announced.values()].filter((failure) => failure !== null),
    close: () => ended.abort(),
  };
}

function addressesTaken(
  docker: Observed['docker'] & { readonly reachable: true },
  adopted: ReadonlySet<string>,
): Taken[] {
  const ours = ({ id, labels }: DockerNetwork) => labels[networkLabel] !== undefined || adopted.has(id);
  const networks = new Set(docker.networks.filter(ours).map(({ id }) => id));
  return docker.containers
    .filter(({ status }) => status === 'running')
    .flatMap(({ id, name, endpoints }) =>
      endpoints
        .filter(({ networkId }) => networks.has(networkId))
        .flatMap(({ endpointId, ipv4, ipv6 }) =>
          [ipv4, ipv6].flatMap((ip) =>
            ip === null ? [] : [{ key: `${endpointId ?? id} ${ip}`, container: id, name, ip }],
          ),
        ),
    );
}
