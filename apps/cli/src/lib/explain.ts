import { ApiError, ServerUnreachable, UnexpectedAnswer } from '@trunkline/client';
import type { Ending } from './exit-codes.ts';
import { Failure } from './failure.ts';

/** An error as a person reads it. */
export interface Explanation {
  readonly ending: Ending;
  /** One sentence that says what to do; what the server wrote is in it as it came. */
  readonly sentence: string;
}

/**
 * Says an error in one sentence, with the code of the API where it has one. Answers undefined for what nobody foresaw: that is a
 * bug, and its stack is worth reading.
 */
export function explain(error: unknown): Explanation | undefined {
  if (error instanceof Failure) return { ending: error.ending, sentence: error.message };
  if (error instanceof ApiError) return { ending: endingOf(error), sentence: sentenceOf(error) };
  if (error instanceof ServerUnreachable)
    return { ending: 'unreachable', sentence: `${error.message}${hintFor(error.reason)}` };
  if (error instanceof UnexpectedAnswer) return { ending: 'unreachable', sentence: error.message };
  return undefined;
}

function endingOf({ status }: ApiError): Ending {
  if (status === 401 || status === 403) return 'notAllowed';
  if (status === 404) return 'notFound';
  return 'refused';
}

function sentenceOf(error: ApiError): string {
  const { code, status, problem, retryAfter } = error;
  if (problem === null)
    return `the answer was ${status} and not one of a Trunkline server: see that the URL is that of the server`;
  const fields = (problem.errors ?? []).map(({ pointer, message }) => `${pointer} ${message}`);
  const what = fields.length === 0 ? problem.detail : fields.join('; ');
  return `${code}: ${what}${whatToDo(error, retryAfter)}`;
}

function whatToDo({ code, problem }: ApiError, retryAfter: number | null): string {
  if (code === 'unauthenticated') return ' (`trunkline login URL` stores a token)';
  if (code === 'internal') return ` (requestId ${problem?.requestId ?? 'unknown'} in the log of the server)`;
  if (problem?.retryable === true)
    return retryAfter === null ? ' (try again)' : ` (try again in ${retryAfter} s)`;
  return '';
}

/** Words of OpenSSL and undici that a person can act on. */
const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: ': see that the server runs and listens there',
  ENOTFOUND: ': see that the name in the URL is right',
  EAI_AGAIN: ': the name could not be looked up, see the resolver of this machine',
  DEPTH_ZERO_SELF_SIGNED_CERT: ': give its certificate with `trunkline login --ca-file`',
  SELF_SIGNED_CERT_IN_CHAIN: ': give its authority with `trunkline login --ca-file`',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ': give its authority with `trunkline login --ca-file`',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ': give its authority with `trunkline login --ca-file`',
  ERR_TLS_CERT_ALTNAME_INVALID: ': the certificate is for another name, use that one in the URL',
  CERT_HAS_EXPIRED: ': renew the certificate of the server, or set the clock of this machine',
  ERR_SSL_WRONG_VERSION_NUMBER: ': the server speaks plain HTTP there, write http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: ': the server speaks plain HTTP there, write http://',
  UND_ERR_SOCKET: ': see that the URL has the right scheme, http or https',
  ECONNRESET: ': see that the URL has the right scheme, http or https',
};

const hintFor = (reason: string): string => hints[reason] ?? '';
