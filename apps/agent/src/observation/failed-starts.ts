import type { DockerContainer, DockerContainerDetail, DockerNetwork } from '../host/docker-engine.ts';
import { lostNetworkIn, removedNetworkIn } from './lost-network.ts';
import { containerLabel } from './marks.ts';
import { attachedTo, isCoordinated } from './network-fit.ts';
import { noGateway } from './no-gateway.ts';

/**
 * Finds containers of others that should run and whose last start failed at their network. To find them, each container that
 * ended is inspected; one whose end was another is remembered and not inspected at every look.
 */
export interface FailedStarts {
  /** Begins a look. What it finds is remembered unless {@link FailedStarts.forget} is called before it ends. */
  readonly look: () => {
    /** Containers to inspect: those of others that ended on a network with our driver, without the remembered ones. */
    readonly toInspect: (
      containers: readonly DockerContainer[],
      networks: readonly DockerNetwork[],
    ) => readonly DockerContainer[];
    /** Those among the inspected whose start failed at their network; remembers the others. */
    readonly among: (inspected: readonly DockerContainerDetail[]) => readonly DockerContainerDetail[];
  };
  /** Docker is away. It may try to start any container when it comes back, so all of them are inspected again. */
  readonly forget: () => void;
}

/** Remembers nothing at first. */
export function createFailedStarts(): FailedStarts {
  let otherEnds = new Set<string>();
  return {
    look: () => {
      const known = otherEnds;
      return {
        toInspect: (containers, networks) => {
          const ended = endedOfOthers(containers, networks);
          const ids = new Set(ended.map(({ id }) => id));
          for (const id of known) if (!ids.has(id)) known.delete(id);
          return ended.filter(({ id }) => !known.has(id));
        },
        among: (inspected) => {
          const failed = inspected.filter(failedAtNetwork);
          for (const one of inspected) if (!failed.includes(one)) known.add(one.id);
          return failed;
        },
      };
    },
    forget: () => {
      otherEnds = new Set();
    },
  };
}

function endedOfOthers(
  containers: readonly DockerContainer[],
  networks: readonly DockerNetwork[],
): DockerContainer[] {
  const coordinated = networks.filter(isCoordinated);
  return [...new Set(coordinated.flatMap((network) => attachedTo({ containers }, network)))].filter(
    ({ status, labels }) => status === 'exited' && labels[containerLabel] === undefined,
  );
}

/**
 * Whether a container should run and its last start failed at its network: at our driver, which was not there, did not
 * answer or refused; at a network that Docker had lost or that was removed; or at the gateway that an IPv6 network does not
 * have while the parent had no carrier.
 *
 * False for a container that a person stopped: its last start did not fail, and Docker clears the error when a container runs.
 * False also for one that a killed dockerd stopped when it came back, because it looks the same.
 */
export function failedAtNetwork({
  status,
  error,
  restartPolicy: { name },
}: Pick<DockerContainerDetail, 'status' | 'error' | 'restartPolicy'>): boolean {
  const shouldRun = status === 'exited' && (name === 'always' || name === 'unless-stopped');
  if (!shouldRun || error === null) return false;
  return (
    removedNetworkIn(error) !== null ||
    lostNetworkIn(error) !== null ||
    driverWords.some((words) => words.test(error))
  );
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
