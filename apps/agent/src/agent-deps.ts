import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import type { RunCommand } from './host/command.ts';
import type { DockerEngine } from './host/docker-engine.ts';
import type { Kernel } from './host/kernel.ts';
import type { Links } from './host/links.ts';
import type { OpenDialogue } from './host/resident-ip.ts';
import type { Sandboxes } from './host/sandboxes.ts';
import type { SpawnCommand } from './host/watch-links.ts';
import type { Timing } from './lib/timing.ts';
import type { ApplyDeps } from './reconcile/apply.ts';
import type { AddressProbe } from './wire/address-probe.ts';

/** What an agent is made of. */
export interface AgentDeps {
  readonly config: AgentConfig;
  readonly version: string;
  readonly links: Links;
  readonly docker: DockerEngine;
  readonly kernel: Kernel;
  readonly run: RunCommand;
  /** Reads a text file as it is now. */
  readonly readFile: (path: string) => Promise<string>;
  /** Names of what a folder has; empty where there is none. */
  readonly readFolder: (path: string) => Promise<readonly string[]>;
  readonly spawn: SpawnCommand;
  /** Starts a program that holds a network namespace of the agent's own. */
  readonly open: OpenDialogue;
  /** Asks the wire whether somebody has an address. */
  readonly probe: AddressProbe;
  /** The kernel inside the containers of this host. */
  readonly sandboxes: Sandboxes;
  /** Descriptor of the driver's socket, where systemd holds it. */
  readonly pluginSocketDescriptor: number | null;
  readonly timing: Timing;
  readonly log: Logger;
  /** See `ApplyDeps.onStep`; for tests. */
  readonly onStep?: ApplyDeps['onStep'];
}
