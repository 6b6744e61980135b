import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestServer, type TestAgent, type TestServer } from '@trunkline/test/integration/server.ts';
import { afterAll, beforeAll } from 'vitest';

/** What a run of the program left. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program, with a folder for its contexts, against a real server. */
export interface CliFixture {
  readonly server: TestServer;
  readonly baseUrl: string;
  /** Folder of XDG_CONFIG_HOME. */
  readonly home: string;
  /** Runs the program to its end; with `input` on its stdin. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** As `run`, with a token in the environment. */
  asAdmin(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** Starts the program and leaves it running, with a token in the environment; killed at the end of the file. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams;
  /** Writes a file for the program to read, and answers its path. */
  file(name: string, text: string): Promise<string>;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const program = join(import.meta.dirname, 'main.ts');

/** One for a test file. Its parts are there only while tests run. */
export function useCli(): CliFixture {
  let server: TestServer | undefined;
  let baseUrl = '';
  let home = '';
  const running = new Set<ChildProcessWithoutNullStreams>();

  beforeAll(async () => {
    server = await createTestServer();
    baseUrl = await server.app.listen({ host: '127.0.0.1', port: 0 });
    home = await mkdtemp(join(tmpdir(), 'trunkline-cli-'));
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await server?.close();
    if (home !== '') await rm(home, { recursive: true, force: true });
  });

  const spawned = (args: readonly string[], env: Readonly<Record<string, string>>) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: home,
      env: {
        PATH: process.env['PATH'] ?? '',
        XDG_CONFIG_HOME: home,
        // As scripts/with-node.sh sets it: it starts in half the time.
        NODE_COMPILE_CACHE: join(import.meta.dirname, '../../../.cache/compile'),
        ...env,
      },
    });
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  };
  const asAdmin = () => ({ TRUNKLINE_URL: baseUrl, TRUNKLINE_TOKEN: server?.token ?? '' });
  const run: CliFixture['run'] = (args, { input = '', env = {} } = {}) =>
    new Promise((resolve, reject) => {
      const child = spawned(args, env);
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      child.once('error', reject);
      child.once('close', (code) =>
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
      );
      // A program that reads no input may be gone before it is written.
      child.stdin.on('error', () => undefined).end(input);
    });
  return {
    get server() {
      if (server === undefined) throw new Error('the server is up only while tests run');
      return server;
    },
    get baseUrl() {
      return baseUrl;
    },
    get home() {
      return home;
    },
    run,
    asAdmin: (args, { env = {}, ...options } = {}) =>
      run(args, { ...options, env: { ...asAdmin(), ...env } }),
    start: (args) => spawned(args, asAdmin()),
    async file(name, text) {
      const path = join(home, name);
      await writeFile(path, text);
      return path;
    },
  };
}

/** What an agent reports of something that is as it should be. */
const ready = (observedGeneration: number) => ({
  type: 'Ready' as const,
  status: 'True' as const,
  reason: 'Ready' as const,
  message: 'in place',
  observedGeneration,
  lastTransitionTime: '2026-11-24T09:30:00.000Z',
});

/** Reports that everything is as the host's document says. */
export async function carryOut(agent: TestAgent): Promise<void> {
  const { networks, containers, revision } = await agent.document();
  const answer = await agent.report({
    observedRevision: revision,
    conditions: [ready(0)],
    placements: networks.map(({ id, name, state, generation, parent }) => ({
      networkId: id,
      generation,
      removed: state === 'absent',
      dockerNetworkId: state === 'absent' ? null : `docker-${name}`,
      link: state === 'absent' ? null : parent,
      lastAction: `created Docker network ${name}`,
      conditions: [ready(generation)],
    })),
    containers: containers.map(({ id, name, state, generation, attachments }) => ({
      containerId: id,
      generation,
      state: state === 'absent' ? 'absent' : 'running',
      dockerId: state === 'absent' ? null : `docker-${name}`,
      startedAt: state === 'absent' ? null : '2026-11-24T09:30:00.000Z',
      exitCode: null,
      endpoints:
        state === 'absent'
          ? []
          : attachments.map(({ network, address, address6, mac }) => ({
              network,
              ipv4: address,
              ipv6: address6,
              mac: mac ?? '02:42:ac:10:64:0a',
            })),
      conditions: [ready(generation)],
    })),
  });
  if (answer.status !== 200) throw new Error(`report: ${answer.status} ${JSON.stringify(answer.body)}`);
}
