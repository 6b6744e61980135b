import { createApiClient } from '@trunkline/client';
import { checkContextName, readServerUrl, readToken, withContext } from '../contexts/context-book.ts';
import { contextPath, readContexts, writeContexts } from '../contexts/context-file.ts';
import { readCa } from '../contexts/read-ca.ts';
import { plain } from '../format/plain.ts';
import type { Ending } from '../lib/exit-codes.ts';
import type { Io } from '../lib/io.ts';

export interface LoginFlags {
  readonly name?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** Tries a token on a server, and keeps both as the context in use. */
export async function login(io: Io, urlText: string, flags: LoginFlags): Promise<Ending> {
  const url = readServerUrl(urlText);
  const name = checkContextName(flags.name ?? url.host);
  const path = contextPath(io.env);
  const book = await readContexts(path);
  const ca = flags.caFile === undefined ? undefined : await readCa(io, flags.caFile);
  const token = readToken(await tokenText(io, flags));
  const trust = ca === undefined ? {} : { ca };
  const client = createApiClient({ baseUrl: url.href, token, ...trust });
  try {
    // Fails where something else than the API answers, so that a token is kept for no stranger.
    for await (const _ of client.networks.all({ limit: 1 })) break;
  } finally {
    await client.close();
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    io.note(`${plain(url.href)} is plain HTTP: whoever is on the way can read the token`);
  await writeContexts(path, withContext(book, name, { url: url.href, token, ...trust }));
  io.write(`logged in to ${plain(url.href)}, context ${plain(name)}\n`);
  return 'ok';
}

async function tokenText(io: Io, { tokenFile }: LoginFlags): Promise<string> {
  if (tokenFile !== undefined && tokenFile !== '-') return io.readFile(tokenFile);
  return io.stdinIsTerminal && tokenFile === undefined ? io.readSecret('Token: ') : io.readStdin();
}

const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
