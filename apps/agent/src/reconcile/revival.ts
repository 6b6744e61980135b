import { messageOf } from '@trunkline/log';
import type { Logger } from 'pino';
import type { DockerContainerDetail, DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import { backoffMs, type Timing } from '../lib/timing.ts';
import { createSlots } from '../lib/slots.ts';
import { noGateway } from '../observation/no-gateway.ts';
import { lostNetworkIn, removedNetworkIn } from '../observation/lost-network.ts';
import { containerLabel } from '../observation/marks.ts';
import { attachedTo, isCoordinated } from '../observation/network-fit.ts';
import type { NotStarted } from '../observation/not-started.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';

/** What containers are started again with. */
export interface RevivalDeps {
  readonly docker: Pick<DockerEngine, 'container' | 'startContainer'>;
  readonly timing: Pick<Timing, 'now' | 'random'>;
  readonly log: Logger;
}

/** Starts containers whose start failed at their network: Docker could not ask for their address, or had lost the network. */
export interface Revival {
  /** What is, as of a look; returns at once. */
  readonly onObservation: (observed: Pick<Observed, 'docker' | 'book'>) => void;
  /** Those that could not be started again, as of now. */
  readonly notStarted: () => readonly NotStarted[];
  /** Starts no more. */
  readonly close: () => void;
}

const backoff = { firstMs: 2000, maxMs: 300_000 };
/** Containers that are started at once. */
const atOnce = 4;

/** What is known of a container that does not run. */
interface Known {
  failures: number;
  nextAt: number;
  busy: boolean;
  notStarted: NotStarted | null;
}

/**
 * Docker tries a container with a restart policy once when it starts, and never again when that failed at its network
 * (seen with 20.10 to 28). Those are started here, once Docker can ask for addresses and the network that it lost was made
 * again, with a backoff. Not those of the desired document, which are planned for; not those without such a policy; and not
 * those that a person stopped: their last start did not fail, and Docker forgets its words about a failure when a container
 * runs. Nor those that a killed dockerd stopped when it came back: they look like those that a person stopped.
 */
export function createRevival({ docker, timing, log }: RevivalDeps): Revival {
  const slot = createSlots(atOnce);
  const known = new Map<string, Known>();
  let lastOutageEnd: number | null = null;
  let closed = false;

  async function revive(id: string, state: Known, seen: ObservedDocker): Promise<void> {
    const networks = new Set(seen.networks.map((network) => network.id));
    let container: DockerContainerDetail | null = null;
    state.busy = true;
    try {
      await slot(async () => {
        container = await docker.container(id);
        if (closed) return;
        const when = startsAgain(container, networks);
        // Looked at again when it has run and ended again, or Docker may have tried it.
        if (when === 'never') state.nextAt = Number.POSITIVE_INFINITY;
        if (when !== 'now') return;
        await docker.startContainer(id);
        state.notStarted = null;
        log.info({ container: container.name, said: container.error }, 'container started again');
      });
    } catch (error) {
      if (error instanceof DockerNotFound) return;
      state.failures += 1;
      state.notStarted = container === null ? null : notStarted(container, seen, error);
      state.nextAt = timing.now() + backoffMs(state.failures, backoff, timing.random);
      log.warn({ err: error, container: id }, 'container could not be started again, will try again');
    } finally {
      state.busy = false;
    }
  }

  return {
    onObservation: ({ docker: seen, book }) => {
      if (closed || !seen.reachable || book.notServing !== null) return;
      const outageEnd = seen.outage?.to ?? null;
      if (outageEnd !== lastOutageEnd) {
        for (const [id, { busy }] of known) if (!busy) known.delete(id);
        lastOutageEnd = outageEnd;
      }
      const ended = new Set(
        seen.networks
          .filter(isCoordinated)
          .flatMap((network) => attachedTo(seen, network))
          .filter(({ status, labels }) => status === 'exited' && labels[containerLabel] === undefined)
          .map(({ id }) => id),
      );
      for (const id of known.keys()) if (!ended.has(id)) known.delete(id);
      for (const id of ended) {
        const state = known.get(id) ?? { failures: 0, nextAt: 0, busy: false, notStarted: null };
        known.set(id, state);
        if (!state.busy && state.nextAt <= timing.now()) void revive(id, state, seen);
      }
    },
    notStarted: () => [...known.values()].flatMap((state) => state.notStarted ?? []),
    close: () => {
      closed = true;
    },
  };
}

function notStarted({ id, name }: DockerContainerDetail, seen: ObservedDocker, error: unknown): NotStarted {
  const networks = seen.networks.filter(
    (network) => isCoordinated(network) && attachedTo(seen, network).some((one) => one.id === id),
  );
  return { name, networks, why: messageOf(error) };
}

/**
 * Whether a container should run and its last start failed at its network: at our driver, which was not there, did not
 * answer or refused, at a network that Docker had lost or that was removed, or at
 * the gateway that an IPv6 network does not have while the parent had no carrier. `later`: that network has yet to be made
 * again, or the container to be connected to it.
 *
 * `networks`: ids of Docker's networks.
 */
export function startsAgain(
  {
    status,
    error,
    restartPolicy: { name },
    endpoints,
  }: Pick<DockerContainerDetail, 'status' | 'error' | 'restartPolicy' | 'endpoints'>,
  networks: ReadonlySet<string>,
): 'now' | 'later' | 'never' {
  const shouldRun = status === 'exited' && (name === 'always' || name === 'unless-stopped');
  if (!shouldRun || error === null) return 'never';
  const removed = removedNetworkIn(error);
  if (removed !== null) return endpoints.some(({ networkId }) => networkId === removed) ? 'later' : 'now';
  const lost = lostNetworkIn(error);
  if (lost !== null) return networks.has(lost) ? 'later' : 'now';
  return driverWords.some((words) => words.test(error)) ? 'now' : 'never';
}

/**
 * Docker's words (20.10 to 28), which it may put others before: no socket (pkg/plugins, ErrNotFound), nobody behind it or no
 * answer (the path of the socket, libnetwork/ipams/remote), and what our driver refused with (remote.go).
 */
const driverWords = [
  /plugin "trunkline" not found/,
  /trunkline\.sock/,
  /(?:^|: )remote: /,
  /IpamDriver\.Request(?:Address|Pool)/,
  // The parent had no carrier, so the container had no link-local address (libnetwork/osl, programGateway).
  new RegExp(`route for the gateway ${noGateway.ipv6.ip} could not be found`),
];
