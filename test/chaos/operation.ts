/** What is done to a fleet. Hosts and containers by name, `at` in milliseconds after the step began. */
export type Operation =
  | {
      readonly do: 'run';
      readonly host: string;
      readonly container: string;
      readonly ip: string | null;
      readonly restart: RestartPolicy;
    }
  | {
      readonly do: 'stop' | 'start' | 'restart' | 'rm' | 'crash';
      readonly host: string;
      readonly container: string;
    }
  | { readonly do: 'disconnect'; readonly host: string; readonly container: string }
  | { readonly do: 'connect'; readonly host: string; readonly container: string; readonly ip: string | null }
  | {
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
  | { readonly do: 'kill server' | 'start server' | 'kill database' };

export type RestartPolicy = 'no' | 'always' | 'unless-stopped';

/** Operations that are under way at the same time, each begun `afterMs` after the step. */
export interface Step {
  readonly operations: readonly { readonly operation: Operation; readonly afterMs: number }[];
  /** All is mended, settles and is looked over before the step. */
  readonly calm: boolean;
}

/** As a person would say it. */
export function describe(operation: Operation): string {
  const { do: what } = operation;
  const host = 'host' in operation ? ` on ${operation.host}` : '';
  const container = 'container' in operation ? ` ${operation.container}` : '';
  const ip = 'ip' in operation && operation.ip !== null ? ` --ip ${operation.ip}` : '';
  const restart =
    'restart' in operation && operation.restart !== 'no' ? ` --restart ${operation.restart}` : '';
  return `${what}${container}${host}${ip}${restart}`;
}
