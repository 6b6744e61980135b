export type RestartPolicy = 'no' | 'always' | 'unless-stopped';

/** `docker run`, on the network or on another Docker network of the same Trunkline network. */
export interface RunOperation {
  readonly do: 'run';
  readonly ip: string | null;
  /** `--mac-address`; null: Docker's choice. */
  readonly mac: string | null;
  readonly restart: RestartPolicy;
  /** False: its program does not exist, so its start fails after it was given an address. */
  readonly starts: boolean;
  readonly network: 'first' | 'second';
}

/** What is asked of the Docker of a host, or done to a container of it behind its back (`crash`). */
export type ContainerOperation = { readonly host: string; readonly container: string } & (
  | RunOperation
  | { readonly do: 'connect'; readonly ip: string | null }
  | { readonly do: 'stop' | 'start' | 'restart' | 'rm' | 'disconnect' }
  | { readonly do: 'crash' }
);

/** What befalls a host, its agent or its Docker. */
export interface HostOperation {
  readonly do:
    | 'restart agent'
    | 'kill agent'
    | 'start agent'
    | 'restart dockerd'
    | 'kill dockerd'
    | 'start dockerd'
    | 'cut'
    | 'mend'
    | 'reboot';
  readonly host: string;
}

/** What happens at the edges of the product: to its data, to the wire, and by its own API. */
export type EdgeOperation =
  /** A copy of the server's data is taken, or put back. */
  | { readonly do: 'back up' | 'restore backup' }
  /** The state folder of another host's agent takes the place of this one's, until `own state`. */
  | { readonly do: 'clone state'; readonly host: string; readonly from: string }
  | { readonly do: 'own state' | 'no aux network'; readonly host: string }
  /** A Docker network that keeps an address for itself (`--aux-address`), until `no aux network`. */
  | { readonly do: 'aux network'; readonly host: string; readonly ip: string }
  /** Another machine has an address, until it leaves. */
  | { readonly do: 'station comes' | 'station leaves'; readonly ip: string }
  | { readonly do: 'force release'; readonly ip: string }
  /** From now on these are excluded, and no others. */
  | { readonly do: 'exclude'; readonly ips: readonly string[] }
  | { readonly do: 'reserve' | 'release'; readonly owner: string };

export interface ServerOperation {
  readonly do: 'kill server' | 'start server' | 'kill database';
}

/** What is done to a fleet. Hosts and containers go by their names; `ip` is what `--ip` asks for. */
export type Operation = ContainerOperation | HostOperation | ServerOperation | EdgeOperation;

export const isOnContainer = (operation: Operation): operation is ContainerOperation =>
  'container' in operation;

/** Operations that are under way at the same time, each begun `afterMs` after the step. */
export interface Step {
  readonly operations: readonly { readonly operation: Operation; readonly afterMs: number }[];
  /** All is mended, settles and is looked over before the step. */
  readonly calm: boolean;
}

const edges: ReadonlySet<string> = new Set<EdgeOperation['do']>([
  'back up',
  'restore backup',
  'clone state',
  'own state',
  'aux network',
  'no aux network',
  'station comes',
  'station leaves',
  'force release',
  'exclude',
  'reserve',
  'release',
]);

export const isAtEdge = (operation: Operation): operation is EdgeOperation => edges.has(operation.do);

/** In words, for people. */
export function describe(operation: Operation): string {
  const host = 'host' in operation ? ` on ${operation.host}` : '';
  if (!isOnContainer(operation)) return `${operation.do}${host}${whatOf(operation)}`;
  const ip = 'ip' in operation && operation.ip !== null ? ` --ip ${operation.ip}` : '';
  const restart =
    'restart' in operation && operation.restart !== 'no' ? ` --restart ${operation.restart}` : '';
  const run = operation.do === 'run' ? runWords(operation) : '';
  return `${operation.do} ${operation.container}${host}${ip}${restart}${run}`;
}

function whatOf(operation: HostOperation | ServerOperation | EdgeOperation): string {
  if ('ip' in operation) return ` ${operation.ip}`;
  if ('ips' in operation) return ` ${operation.ips.join(', ') || 'none'}`;
  if ('owner' in operation) return ` ${operation.owner}`;
  return 'from' in operation ? ` from ${operation.from}` : '';
}

function runWords({ mac, starts, network }: RunOperation): string {
  const words = [
    mac === null ? '' : ` --mac-address ${mac}`,
    network === 'first' ? '' : ', on another Docker network',
    starts ? '' : ', with a program that does not exist',
  ];
  return words.join('');
}
