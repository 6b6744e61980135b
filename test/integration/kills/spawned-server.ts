import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { compileCache, freePort, repository } from '@trunkline/lab/fleet/server-process.ts';
import { watchProgram, type Program } from '@trunkline/lab/fleet/program.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';

/** A server as an operator runs it, in a process of its own. */
export interface SpawnedServer {
  readonly url: string;
  readonly port: number;
  readonly program: Program;
  readonly token: string;
  /** Asks as the admin; answers status, headers and body. Fails where nobody answers. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answered>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly timeoutMs?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export const adminToken = 'tl_test_of_killed_servers_000000';

/** Starts a server and returns when `/livez` answers; `ready` waits for its database too. */
export async function spawnServer(options: {
  readonly dataDir: string;
  readonly databaseUrl?: string;
  readonly port?: number;
  readonly env?: Record<string, string>;
  readonly stdout?: 'pipe' | number;
}): Promise<SpawnedServer> {
  const port = options.port ?? (await freePort());
  const child = spawn(process.execPath, [path.join(repository, 'apps/server/src/main.ts')], {
    cwd: repository,
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...compileCache,
      TRUNKLINE_LISTEN: `127.0.0.1:${port}`,
      TRUNKLINE_DATA_DIR: options.dataDir,
      TRUNKLINE_ADMIN_TOKEN: adminToken,
      TRUNKLINE_LOG_LEVEL: 'info',
      DATABASE_URL: options.databaseUrl ?? '',
      TRUNKLINE_TLS_KEY: '',
      TRUNKLINE_TLS_CERT: '',
      TRUNKLINE_TLS: '',
      TRUNKLINE_PUBLIC_URL: '',
      ...options.env,
    },
  });
  const program = watchProgram('server', child);
  const url = `http://127.0.0.1:${port}`;
  const ask: SpawnedServer['ask'] = async (method, where, { body, headers, timeoutMs = 30_000 } = {}) => {
    const answer = await fetch(url + where, {
      method,
      headers: {
        authorization: `Bearer ${adminToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    const isJson = (answer.headers.get('content-type') ?? '').includes('json');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  };
  try {
    await waitFor(
      'the server being ready',
      async () => {
        if (!program.running) throw new Error(`the server ended while it started\n${lastLines(program)}`);
        return (await ask('GET', '/readyz', { timeoutMs: 2_000 }).catch(() => undefined))?.status === 200;
      },
      150_000,
      50,
    );
  } catch (error) {
    await program.kill();
    throw error;
  }
  return { url, port, program, token: adminToken, ask };
}

const lastLines = (program: Program): string => program.lines().slice(-30).join('\n');

/** A network of 65,534 addresses without hosts. */
export async function makeNetwork(server: SpawnedServer): Promise<string> {
  const name = `load-${randomUUID().slice(0, 8)}`;
  const made = await server.ask('POST', '/v1/networks', {
    body: { name, parent: 'ens33', hosts: { names: [] }, subnets: [{ cidr: '10.80.0.0/16' }] },
  });
  if (made.status !== 201) throw new Error(`${made.status}: ${JSON.stringify(made.body)}`);
  return name;
}
