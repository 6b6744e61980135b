import type { RunCommand } from '../host/command.ts';

/** The units of the agent, where systemd runs. */
export interface Units {
  /** Whether systemd runs here and knows the units. */
  readonly areThere: () => Promise<boolean>;
  /** Ends the agent; its socket stays, so that Docker waits and does not fail. */
  readonly stopAgent: () => Promise<void>;
  /** Enables the units, and starts them with what is now in the settings. */
  readonly start: () => Promise<void>;
  /** Ends all of them, and keeps them from being started at boot. */
  readonly disable: () => Promise<void>;
}

const service = 'trunkline-agent.service';
const units = ['trunkline-agent.socket', 'trunkline-agent-boot.service', service];
/** An agent ends within 20 s, or systemd kills it. */
const timeoutMs = 60_000;

export function createUnits(deps: {
  readonly run: RunCommand;
  readonly exists: (path: string) => Promise<boolean>;
}): Units {
  const systemctl = async (...argv: readonly string[]): Promise<void> => {
    await deps.run('systemctl', argv, { timeoutMs });
  };
  return {
    areThere: async () => {
      if (!(await deps.exists('/run/systemd/system'))) return false;
      const { code } = await deps.run('systemctl', ['cat', '--quiet', service], {
        acceptCodes: [0, 1, 4, 5],
      });
      return code === 0;
    },
    stopAgent: () => systemctl('stop', service),
    start: async () => {
      await systemctl('enable', '--quiet', ...units);
      await systemctl('start', 'trunkline-agent.socket');
      await systemctl('restart', service);
    },
    disable: async () => {
      await systemctl('disable', '--quiet', '--now', ...units);
    },
  };
}
