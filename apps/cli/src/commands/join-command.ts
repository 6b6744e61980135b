import { readServerUrl } from '../contexts/context-book.ts';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { jsonText, yamlText } from '../format/data-text.ts';
import { plain } from '../format/plain.ts';
import { shellWord } from '../format/shell-word.ts';
import type { Ending } from '../lib/exit-codes.ts';
import type { Io } from '../lib/io.ts';

export type JoinFlags = ServerFlags & {
  readonly expires?: number;
  /** The server as hosts reach it. */
  readonly server?: string;
  readonly output: 'table' | 'json' | 'yaml';
};

/** Makes a join token, and writes the line that starts an agent with it. */
export async function joinCommand(io: Io, host: string | undefined, flags: JoinFlags): Promise<Ending> {
  const asked = flags.server === undefined ? undefined : readServerUrl(flags.server).href;
  const { token, url, ca } = await withServer(io, flags, async ({ client, url: used, ca: trusted }) => ({
    token: (
      await client.joinTokens.create({
        ...(host === undefined ? {} : { host }),
        ...(flags.expires === undefined ? {} : { expiresInSeconds: flags.expires }),
      })
    ).body,
    url: asked ?? used,
    ca: trusted,
  }));
  if (flags.output !== 'table') {
    io.write(flags.output === 'json' ? jsonText(token) : yamlText(token));
    return 'ok';
  }
  const settings = {
    TRUNKLINE_SERVER: url.replace(/\/$/, ''),
    TRUNKLINE_JOIN_TOKEN: token.secret,
    ...(token.host === null ? {} : { TRUNKLINE_HOST_NAME: token.host }),
  };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${shellWord(plain(value))}`);
  io.write(`${words.join(' ')} npm run agent\n`);
  const who = token.host === null ? 'one host' : plain(token.host);
  io.note(
    `run it as root on ${who} in the folder of Trunkline; it works once, until ${plain(token.expiresAt)}`,
  );
  if (ca !== undefined)
    io.note('the server is trusted by a certificate of its own: copy it, and set TRUNKLINE_CA_FILE as well');
  if (/^https?:\/\/(localhost|127\.|\[::1\])/.test(url))
    io.note('that URL is of this machine alone: --server gives the one that hosts reach');
  return 'ok';
}
