export type RestartPolicy = 'no' | 'always' | 'unless-stopped';

/** What is asked of the Docker of a host, or done to a container of it behind its back (`crash`). */
export type ContainerOperation = { readonly host: string; readonly container: string } & (
  | { readonly do: 'run'; readonly ip: string | null; readonly restart: RestartPolicy }
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

export interface ServerOperation {
  readonly do: 'kill server' | 'start server' | 'kill database';
}

/** What is done to a fleet. Hosts and containers go by their names; `ip` is what `--ip` asks for. */
export type Operation = ContainerOperation | HostOperation | ServerOperation;

export const isOnContainer = (operation: Operation): operation is ContainerOperation =>
  'container' in operation;

/** Operations that are under way at the same time, each begun `afterMs` after the step. */
export interface Step {
  readonly operations: readonly { readonly operation: Operation; readonly afterMs: number }[];
  /** All is mended, settles and is looked over before the step. */
  readonly calm: boolean;
}

/** As a person would say it. */
export function describe(operation: Operation): string {
  const host = 'host' in operation ? ` on ${operation.host}` : '';
  if (!isOnContainer(operation)) return `${operation.do}${host}`;
  const ip = 'ip' in operation && operation.ip !== null ? ` --ip ${operation.ip}` : '';
  const restart =
    'restart' in operation && operation.restart !== 'no' ? ` --restart ${operation.restart}` : '';
  return `${operation.do} ${operation.container}${host}${ip}${restart}`;
}
