import { access, constants, mkdir, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { messageOf } from '@trunkline/log';
import { ConfigError, type ServerConfig } from './config.ts';
import { OwnTlsFault } from './tls/own-certificate.ts';
import { openServerTls, TlsFilesFault, type ServerTls, type ServerTlsOf } from './tls/server-tls.ts';

/**
 * Tries what the settings name, before anything is started: the files of TLS, the data directory, which is made, and the port. A
 * certificate of the server's own is made in it. Throws {@link ConfigError} at the first that cannot be used.
 */
export async function checkSettings(
  config: Pick<ServerConfig, 'listen' | 'dataDir' | 'transport' | 'publicUrl'>,
): Promise<ServerTls | undefined> {
  const ofFiles = config.transport.kind === 'files' ? await openTls(config) : undefined;
  await tryPort(config.listen);
  await makeDataDir(config.dataDir);
  return ofFiles ?? (await openTls(config));
}

async function openTls(config: ServerTlsOf): Promise<ServerTls | undefined> {
  return await openServerTls(config).catch((error: unknown) => {
    if (error instanceof TlsFilesFault || error instanceof OwnTlsFault)
      throw new ConfigError(error.message, { cause: error });
    throw error;
  });
}

/** Somebody may still take the port until the server listens: {@link listenFault} is for that. */
async function tryPort({ host, port }: ServerConfig['listen']): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw listenFault(error, { host, port });
  } finally {
    server.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: end it, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address: choose one that it has, or [::] for all',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE: choose another port',
  ENOTFOUND: 'no such name is known: write an address',
};

/** Why the server cannot listen, in one sentence. */
export function listenFault(error: unknown, { host, port }: ServerConfig['listen']): ConfigError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new ConfigError(`TRUNKLINE_LISTEN: cannot listen on ${where}: ${reasons[code] ?? messageOf(error)}`);
}

/** Folder by folder: Node's recursive mkdir never ends below a folder that takes none, such as /proc (seen with Node 24). */
async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolder(dataDir);
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(
      `cannot use the data directory ${dataDir}: ${messageOf(error)}; choose another with TRUNKLINE_DATA_DIR`,
    );
  }
}

async function makeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  });
  if (found?.isDirectory() === true) return;
  if (found !== null) throw new Error(`${folder} is no folder`);
  await makeFolder(path.dirname(folder));
  await mkdir(folder, { mode: 0o755 }).catch((error: unknown) => {
    // Another server made it at the same time.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
}
