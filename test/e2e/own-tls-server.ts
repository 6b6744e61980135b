import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createApiClient } from '@trunkline/client';
import { freePort } from '@trunkline/lab/fleet/server-process.ts';
import { pino } from 'pino';
import { readConfig } from '../../apps/server/src/config.ts';
import { startServer } from '../../apps/server/src/server.ts';

/** A server with a database and a certificate of its own, that listens for others. */
export interface OwnTlsServer extends AsyncDisposable {
  readonly url: string;
  readonly newToken: (host: string) => Promise<{ readonly command: string }>;
  readonly hosts: () => Promise<readonly string[]>;
}

/** Starts one; all of it is gone when it is disposed of. */
export async function ownTlsServer(): Promise<OwnTlsServer> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'trunkline-own-tls-'));
  const token = `tl_${randomUUID()}`;
  const port = await freePort();
  // A clean root has no /etc/hosts.
  const url = `https://127.0.0.1:${port}`;
  const config = readConfig(
    {
      TRUNKLINE_LISTEN: `0.0.0.0:${port}`,
      TRUNKLINE_PUBLIC_URL: url,
      TRUNKLINE_DATA_DIR: dataDir,
      TRUNKLINE_ADMIN_TOKEN: token,
    },
    true,
  );
  try {
    const server = await startServer({ config, log: pino({ level: 'silent' }), version: '0.0.0' });
    const ca = await readFile(path.join(dataDir, 'tls/ca.pem'), 'utf8');
    const client = createApiClient({ baseUrl: url, token, ca });
    return {
      url,
      newToken: async (host) => (await client.joinTokens.create({ host })).body,
      hosts: async () => (await client.hosts.list()).body.items.map(({ name }) => name),
      async [Symbol.asyncDispose]() {
        await client.close();
        await server.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}
