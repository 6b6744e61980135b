/**
 * A whole Trunkline on one machine: a lab of Docker hosts, a server with its own PostgreSQL and an agent in each
 * host, all of them processes of their own that can be killed. For the demo, the end-to-end tests and the benchmark.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { createApiClient, type ApiClient } from '@trunkline/client';
import { createLab, type Lab } from '../hosts/lab.ts';
import { waitFor } from '../hosts/wait.ts';
import { killPostmaster, makeDataDirectory, removeDataDirectory } from './data-directory.ts';
import { watchProgram, type Program } from './program.ts';
import { compileCache, freePort, repository, startServerProcess } from './server-process.ts';

/** As `npm run agent` and the package start it (docs/decisions/0035-bounds-for-an-agents-memory-and-processor-time.md); a test compares them. */
export const agentNodeFlags = [
  '--max-semi-space-size=1',
  '--initial-old-space-size=24',
  '--optimize-for-size',
  '--v8-pool-size=1',
  '--max-opt=1',
  '--liftoff-only',
];
const agentOfCheckout = [
  process.execPath,
  ...agentNodeFlags,
  path.join(repository, 'apps/agent/src/main.ts'),
];
const agentStartMs = 90_000;
const stopGraceMs = 20_000;

/** What a new fleet shall be. */
export interface FleetOptions {
  /** Number of hosts, docker01 on. */
  readonly hosts: number;
  /** Name of its lab, 1 to 20 of a-z, 0-9 and -. */
  readonly name: string;
  /** Docker Engine of its hosts, as createLab takes it. */
  readonly engine?: string;
  /** Port of the server on the loopback; a free one when left out or taken. */
  readonly port?: number;
  /** Command that runs an agent, such as that of a package; the checkout's own when left out. */
  readonly agent?: readonly string[];
  /** Settings of the agents beside those that the fleet makes. */
  readonly agentEnv?: Readonly<Record<string, string>>;
  /** Takes progress, line by line. */
  readonly log?: (line: string) => void;
  /** Ends the build early; what it made is removed. */
  readonly signal?: AbortSignal;
  /** Takes the fleet down on SIGINT and SIGTERM, then lets the signal have its way. True when left out. */
  readonly handleSignals?: boolean;
}

/** A fleet that is up. Hosts are those of the lab; an unknown name throws. */
export interface Fleet {
  readonly lab: Lab;
  /** Of the server, as this machine reaches it. */
  readonly url: string;
  /** The admin token. */
  readonly token: string;
  /** Asks as the admin. */
  readonly client: ApiClient;
  /** The server's data directory. */
  readonly dataDir: string;
  /** Starts the agent of a host and returns when it works; fine when it runs. */
  readonly startAgent: (host: string) => Promise<void>;
  /** SIGTERM to the agent; returns when it is gone. */
  readonly stopAgent: (host: string) => Promise<void>;
  /** SIGKILL to the agent; returns when it is gone. */
  readonly killAgent: (host: string) => Promise<void>;
  /** Process id of the agent of a host on this machine; undefined while none runs. */
  readonly agentPid: (host: string) => number | undefined;
  /**
   * Power off and on; the boot stage puts links back and the agent starts before Docker, as their units do. `afterBoot`
   * runs between the boot stage and the agent.
   */
  readonly reboot: (host: string, options?: { readonly afterBoot?: () => Promise<void> }) => Promise<void>;
  /** Starts the server again on its data and returns when it is ready; fine when it runs. */
  readonly startServer: () => Promise<void>;
  readonly stopServer: () => Promise<void>;
  /** SIGKILL to the server. Its PostgreSQL lives on until the next start. */
  readonly killServer: () => Promise<void>;
  /** SIGKILL to the server's PostgreSQL. */
  readonly killDatabase: () => Promise<void>;
  /** The last lines of each process, for failure messages. */
  readonly logs: (lines?: number) => string;
  /** Removes every trace. Safe to call twice. */
  readonly down: () => Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

type Undo = (() => Promise<unknown>)[];

async function undoAll(undo: Undo): Promise<void> {
  const failures: unknown[] = [];
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the fleet could not be removed in full');
}

/**
 * Builds a fleet and returns when every host has joined and reported. Throws, leaving nothing behind, when that does
 * not come to be.
 */
export async function createFleet(options: FleetOptions): Promise<Fleet> {
  const undo: Undo = [];
  const interrupted = new AbortController();
  let built = false;
  let going: Promise<void> | undefined;
  const down = (): Promise<void> => (going ??= undoAll(undo));
  if (options.handleSignals !== false) undo.push(catchSignals(interrupted, () => built, down));
  const signals = [interrupted.signal, ...(options.signal === undefined ? [] : [options.signal])];
  try {
    const fleet = await build(options, AbortSignal.any(signals), undo, down);
    built = true;
    return fleet;
  } catch (error) {
    await down();
    throw error;
  }
}

/** While a fleet is built a signal ends the build, which then cleans up; later it takes the fleet down. */
function catchSignals(
  interrupted: AbortController,
  isBuilt: () => boolean,
  down: () => Promise<void>,
): () => Promise<void> {
  const release = async (): Promise<void> => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    interrupted.abort(new Error(`ended by ${signal}`));
    if (!isBuilt()) return;
    void down().finally(() => process.kill(process.pid, signal));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return release;
}

async function build(
  options: FleetOptions,
  signal: AbortSignal,
  undo: Undo,
  down: () => Promise<void>,
): Promise<Fleet> {
  const log = options.log ?? (() => undefined);
  const engine = options.engine === undefined ? {} : { engine: options.engine };
  const lab = await createLab({ name: options.name, hosts: options.hosts, ...engine, log, signal });
  undo.push(() => lab.down());
  const dataDir = await makeDataDirectory();
  undo.push(() => removeDataDirectory(dataDir));
  const port = await freePort(options.port);
  const url = `http://127.0.0.1:${String(port)}`;
  const token = `tl_${randomBytes(32).toString('base64url')}`;
  const client = createApiClient({ baseUrl: url, token });
  undo.push(() => client.close());

  const serverLines: string[] = [];
  let server: Program | undefined;
  const startServer = async (): Promise<void> => {
    if (server?.running === true) return;
    server = await startServerProcess({ labId: lab.id, port, dataDir, token }, client, serverLines);
  };
  undo.push(async () => server?.stop(stopGraceMs));
  log('starting the server with a PostgreSQL of its own');
  await startServer();
  signal.throwIfAborted();
  await lab.expose(port);

  const serverUrl = `http://${lab.switchAddress}:${String(port)}`;
  const agents = createAgents({
    lab,
    client,
    command: options.agent ?? agentOfCheckout,
    env: { TRUNKLINE_SERVER: serverUrl, ...options.agentEnv },
  });
  undo.push(() => agents.killAll());
  log(`starting ${String(lab.hosts.length)} agents`);
  await Promise.all(lab.hosts.map(({ name }) => agents.start(name)));
  signal.throwIfAborted();
  await Promise.all(lab.hosts.map(({ name }) => reported(client, name)));
  signal.throwIfAborted();

  return {
    lab,
    url,
    token,
    client,
    dataDir,
    startAgent: agents.start,
    stopAgent: agents.stop,
    killAgent: agents.kill,
    agentPid: agents.pid,
    reboot: (host, { afterBoot } = {}) =>
      lab.reboot(host, {
        beforeDocker: async () => {
          await agents.boot(host);
          await afterBoot?.();
          await agents.start(host);
        },
      }),
    startServer,
    stopServer: async () => server?.stop(stopGraceMs),
    killServer: async () => server?.kill(),
    killDatabase: () => killPostmaster(dataDir),
    logs: (lines = 30) =>
      [['server', serverLines] as const, ...agents.logs()]
        .map(([name, all]) => `--- ${name}\n${all.slice(-lines).join('\n')}`)
        .join('\n'),
    down,
    [Symbol.asyncDispose]: down,
  };
}

/** Returns when the host is online and its agent has reported what it sees. */
async function reported(client: ApiClient, host: string): Promise<void> {
  await waitFor(
    `the first report of ${host}`,
    async () => {
      const answer = await client.hosts.get(host).catch(() => undefined);
      return answer?.body.online === true && answer.body.facts !== null;
    },
    agentStartMs,
    50,
  );
}

interface AgentsDeps {
  readonly lab: Lab;
  readonly client: ApiClient;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function createAgents({ lab, client, command, env }: AgentsDeps) {
  const running = new Map<string, Program>();
  const lines = new Map<string, string[]>(lab.hosts.map(({ name }) => [name, []]));
  const tokens = new Map<string, string>();

  async function joinToken(host: string): Promise<string> {
    const known = tokens.get(host);
    if (known !== undefined) return known;
    const { body } = await client.joinTokens.create({ host });
    tokens.set(host, body.secret);
    return body.secret;
  }

  async function start(host: string): Promise<void> {
    if (running.get(host)?.running === true) return;
    const child = lab.host(host).spawn(command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...env,
        ...compileCache,
        TRUNKLINE_JOIN_TOKEN: await joinToken(host),
        TRUNKLINE_HOST_NAME: host,
      },
    });
    const agent = watchProgram(`agent of ${host}`, child, lines.get(host));
    running.set(host, agent);
    try {
      await agent.printed('agent runs', agentStartMs);
    } catch (error) {
      await agent.kill();
      throw error;
    }
  }

  /** The boot stage of a host, to its end. Throws with its output when a link could not be put back. */
  async function boot(host: string): Promise<void> {
    // As its unit: it knows the settings of the agent, and needs none of them.
    const ran = await lab.host(host).exec([...command, '--boot'], {
      env: { ...env, ...compileCache },
    });
    lines.get(host)?.push(...`${ran.stdout}${ran.stderr}`.trimEnd().split('\n'));
    if (ran.code !== 0) {
      throw new Error(`boot stage of ${host}: exit code ${String(ran.code)}\n${ran.stdout}${ran.stderr}`);
    }
  }

  return {
    start,
    boot,
    stop: async (host: string): Promise<void> => running.get(host)?.stop(stopGraceMs),
    kill: async (host: string): Promise<void> => running.get(host)?.kill(),
    pid: (host: string): number | undefined => running.get(host)?.pid,
    killAll: async (): Promise<void> => {
      await Promise.all([...running.values()].map((agent) => agent.kill()));
    },
    logs: (): (readonly [string, readonly string[]])[] =>
      [...lines].map(([host, all]) => [`agent of ${host}`, all]),
  };
}
