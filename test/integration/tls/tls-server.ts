import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createApiClient, type ApiClient } from '@trunkline/client';
import { freePort } from '@trunkline/lab/fleet/server-process.ts';
import { pino } from 'pino';
import { readConfig } from '../../../apps/server/src/config.ts';
import { startServer } from '../../../apps/server/src/server.ts';
import { createTestDatabase } from '../database.ts';

/** A server as it is started, that listens for others. */
export interface TlsServer extends AsyncDisposable {
  readonly port: number;
  readonly dataDir: string;
  readonly token: string;
  /** What it logged, oldest first. */
  readonly lines: () => readonly Readonly<Record<string, unknown>>[];
  /** Speaks to it at another URL, or trusting another authority. */
  readonly client: (url: string, ca?: string) => ApiClient;
}

const token = 'tl_test_of_servers_with_tls_00000';

/** Starts a server on a database of its own. `env`: its settings besides; made from its port and data directory. */
export async function startTlsServer(
  env: (port: number, dataDir: string) => Record<string, string> = () => ({}),
): Promise<TlsServer> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'trunkline-tls-'));
  const database = await createTestDatabase();
  const lines: Record<string, unknown>[] = [];
  const undo = async (): Promise<void> => {
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    const settings = {
      TRUNKLINE_LISTEN: `0.0.0.0:${port}`,
      TRUNKLINE_PUBLIC_URL: `https://localhost:${port}`,
      TRUNKLINE_DATA_DIR: dataDir,
      TRUNKLINE_ADMIN_TOKEN: token,
      DATABASE_URL: database.connectionString,
      ...env(port, dataDir),
    };
    const log = pino(
      { level: 'info' },
      { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const server = await startServer({ config: readConfig(settings, false), log, version: '0.0.0' });
    const clients: ApiClient[] = [];
    return {
      port,
      dataDir,
      token,
      lines: () => lines,
      client: (baseUrl, ca) => {
        const client = createApiClient({ baseUrl, token, ...(ca === undefined ? {} : { ca }) });
        clients.push(client);
        return client;
      },
      async [Symbol.asyncDispose]() {
        await Promise.all(clients.map((client) => client.close()));
        await server.stop();
        await undo();
      },
    };
  } catch (error) {
    await undo();
    throw error;
  }
}
