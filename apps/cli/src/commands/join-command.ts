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
  const { token, ca } = await withServer(io, flags, async ({ client, ca: trusted }) => ({
    token: (
      await client.joinTokens.create({
        ...(host === undefined ? {} : { host }),
        ...(flags.expires === undefined ? {} : { expiresInSeconds: flags.expires }),
      })
    ).body,
    ca: trusted,
  }));
  if (flags.output !== 'table') {
    io.write(flags.output === 'json' ? jsonText(token) : yamlText(token));
    return 'ok';
  }
  const line =
    asked === undefined
      ? plain(token.command)
      : ['trunkline-agent', 'join', asked.replace(/\/$/, ''), token.secret, ...nameOf(token)]
          .map((word) => shellWord(plain(word)))
          .join(' ');
  io.write(`${line}\n`);
  const who = token.host === null ? 'one host' : plain(token.host);
  io.note(`run it as root on ${who}; it works once, until ${plain(token.expiresAt)}`);
  // A token of a server with an authority of its own names that. What a proxy shows hosts is not known to the server.
  if (ca !== undefined && !token.secret.includes('.'))
    io.note(
      'the server is trusted by a certificate of its own: copy it, and set TRUNKLINE_CA_FILE there as well',
    );
  if (/ '?https?:\/\/(localhost|127\.|\[::1\])/.test(line))
    io.note('that URL is of this machine alone: --server gives the one that hosts reach');
  return 'ok';
}

const nameOf = ({ host }: { readonly host: string | null }): string[] =>
  host === null ? [] : ['--name', host];
