import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import type { ApiClient } from '@trunkline/client';
import { MEMBER_VARIABLE } from '../hosts/names.ts';
import { patient } from '../hosts/patience.ts';
import { waitFor } from '../hosts/wait.ts';
import { watchProgram, type Program } from './program.ts';
import { messageOf } from '@trunkline/log';

/** Root of the repository. */
export const repository = path.resolve(import.meta.dirname, '../../../..');

/**
 * Programs are translated and compiled once and then found (module.enableCompileCache of Node): they start in half the
 * time, and the VM, which sees this folder, need not do it under emulation.
 */
export const compileCache = { NODE_COMPILE_CACHE: path.join(repository, '.cache/compile') };

const serverMain = path.join(repository, 'apps/server/src/main.ts');

/** The first start makes a database cluster; on a loaded machine that takes a while. */
const startDeadlineMs = 90_000;

/** A port of the loopback that nobody listens on now; `wanted` when that one is free. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  server.unref();
  server.listen(wanted, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (wanted === 0) throw error;
    return await freePort();
  }
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a server process is started with. */
export interface ServerSettings {
  readonly labId: string;
  readonly port: number;
  readonly dataDir: string;
  readonly token: string;
}

/** Starts the server and returns when it logs that it is ready. Leaves nothing running when it throws. */
export async function startServerProcess(
  settings: ServerSettings,
  client: Pick<ApiClient, 'health'>,
  lines: string[],
): Promise<Program> {
  const child = spawn(process.execPath, [serverMain], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...compileCache,
      // Marks it as a part of the lab: cleaned up with it when the owner was killed.
      [MEMBER_VARIABLE]: `${settings.labId}/server/`,
      TRUNKLINE_LISTEN: `127.0.0.1:${String(settings.port)}`,
      TRUNKLINE_DATA_DIR: settings.dataDir,
      TRUNKLINE_ADMIN_TOKEN: settings.token,
      DATABASE_URL: '',
      TRUNKLINE_TLS_KEY: '',
      TRUNKLINE_TLS_CERT: '',
      TRUNKLINE_TLS: '',
      TRUNKLINE_PUBLIC_URL: '',
    },
  });
  const program = watchProgram('server', child, lines);
  try {
    await waitFor(
      'the server being ready',
      async () => {
        if (!program.running) throw new Error('the server ended while it started');
        const answer = await client.health.ready({ timeoutMs: patient(2000) }).catch(() => undefined);
        return answer !== undefined;
      },
      startDeadlineMs,
      50,
    );
    return program;
  } catch (error) {
    await program.kill();
    const last = lines.slice(-30).join('\n');
    throw new Error(`${messageOf(error)}\n${last}`, { cause: error });
  }
}
