import { createApiClient, type ApiClient } from '@trunkline/client';
import type { Io } from '../lib/io.ts';
import { chooseServer } from './choose-server.ts';
import { contextPath, readContexts } from './context-file.ts';
import { readCa } from './read-ca.ts';

/** How the server is reached, from the flags of a command. */
export interface ServerFlags {
  readonly context?: string;
}

/** A server that was chosen, with a client of its API. */
export interface OpenServer {
  readonly client: ApiClient;
  readonly url: string;
  /** PEM certificates that it is trusted by, beside the machine's own. */
  readonly ca: string | undefined;
}

/** Does something with the chosen server, and closes the connections to it afterwards. */
export async function withServer<T>(
  io: Io,
  { context }: ServerFlags,
  use: (server: OpenServer) => Promise<T>,
): Promise<T> {
  const chosen = chooseServer(await readContexts(contextPath(io.env)), { context, env: io.env });
  const ca = chosen.caFile === undefined ? chosen.ca : await readCa(io, chosen.caFile);
  const client = createApiClient({
    baseUrl: chosen.url,
    token: chosen.token,
    ...(ca === undefined ? {} : { ca }),
  });
  try {
    return await use({ client, url: chosen.url, ca });
  } finally {
    await client.close();
  }
}
