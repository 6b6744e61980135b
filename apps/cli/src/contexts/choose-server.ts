import { misuse } from '../lib/failure.ts';
import { mustHave, readServerUrl, readToken, type Context, type ContextBook } from './context-book.ts';

/** What a command line and its environment say about the server. */
export interface ServerChoice {
  /** `--context`, before everything else. */
  readonly context: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The server to talk to, and the file of its authority where the environment names one. */
export interface ChosenServer extends Context {
  readonly caFile?: string;
}

/**
 * Which server and which token: the named context, else what the environment says over the context in use. The token of a context
 * never goes to another server.
 */
export function chooseServer(book: ContextBook, { context, env }: ServerChoice): ChosenServer {
  if (context !== undefined) return mustHave(book, context);
  const [url, token, caFile] = [env['TRUNKLINE_URL'], env['TRUNKLINE_TOKEN'], env['TRUNKLINE_CA_FILE']].map(
    (value) => (value === '' ? undefined : value),
  );
  const current = book.current === null ? undefined : mustHave(book, book.current);
  const trusted = caFile === undefined ? {} : { caFile };
  if (url === undefined) {
    if (current === undefined)
      throw misuse('no server is chosen: `trunkline login URL`, or set TRUNKLINE_URL and TRUNKLINE_TOKEN');
    return { ...current, ...(token === undefined ? {} : { token: readToken(token) }), ...trusted };
  }
  const server = readServerUrl(url).href;
  const isCurrent = current !== undefined && readServerUrl(current.url).href === server;
  const known = isCurrent ? current.token : undefined;
  const used = token === undefined ? known : readToken(token);
  if (used === undefined)
    throw misuse(
      'TRUNKLINE_URL is set and TRUNKLINE_TOKEN is not: a stored token is for its own server alone',
    );
  return {
    url: server,
    token: used,
    ...(isCurrent && current.ca !== undefined ? { ca: current.ca } : {}),
    ...trusted,
  };
}
