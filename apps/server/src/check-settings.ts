import { access, constants, mkdir, readFile, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { messageOf } from '@trunkline/log';
import { ConfigError, type ServerConfig } from './config.ts';

/** Key and certificate chain, as PEM. */
export interface TlsFiles {
  readonly key: Buffer;
  readonly cert: Buffer;
}

/**
 * Tries what the settings name, before anything is started: the files of TLS, the data directory, which is made, and the port. Answers
 * the files. Throws {@link ConfigError} at the first that cannot be used.
 */
export async function checkSettings(
  config: Pick<ServerConfig, 'listen' | 'dataDir' | 'tls'>,
): Promise<TlsFiles | undefined> {
  const tls = await readTls(config);
  await tryPort(config.listen);
  await makeDataDir(config.dataDir);
  return tls;
}

async function readTls({ tls }: Pick<ServerConfig, 'tls'>): Promise<TlsFiles | undefined> {
  if (tls === undefined) return undefined;
  const files = {
    key: await readPem('TRUNKLINE_TLS_KEY', tls.keyFile),
    cert: await readPem('TRUNKLINE_TLS_CERT', tls.certFile),
  };
  try {
    createSecureContext(files);
  } catch (error) {
    throw new ConfigError(
      `TRUNKLINE_TLS_KEY and TRUNKLINE_TLS_CERT cannot be used: ${messageOf(error)}; name the PEM files of a private key without a password and of its certificate chain`,
    );
  }
  return files;
}

async function readPem(variable: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError(`${variable}: cannot read ${file}: ${messageOf(error)}`);
  }
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
