import type { ErrorCode, Problem } from '@trunkline/contracts';

/** The server answered, and not with 2xx. Distinguished by `code`, never by its text. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** A code of the table in contracts; `unknown` when the answer was no problem document (a proxy, say). */
  readonly code: ErrorCode | 'unknown';
  /** The whole problem document (RFC 9457), or null when the answer was none. */
  readonly problem: Problem | null;
  /** Seconds after which asking again may help, where the server sent it. */
  readonly retryAfter: number | null;

  constructor(answer: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly problem: Problem | null;
    readonly retryAfter: number | null;
    readonly text: string;
  }) {
    const { method, path, status, problem } = answer;
    const detail = problem?.detail ?? (answer.text.trim().slice(0, 500) || 'no explanation');
    super(`${method} ${path}: ${status} ${problem?.code ?? 'unknown'}: ${detail}`);
    this.status = status;
    this.code = (problem?.code as ErrorCode | undefined) ?? 'unknown';
    this.problem = problem;
    this.retryAfter = answer.retryAfter;
  }
}

/** No answer came: refused, cut off, too slow, or no valid certificate. Whether the request was carried out is not known. */
export class ServerUnreachable extends Error {
  override readonly name = 'ServerUnreachable';
  /** The system's or undici's word for it: `ECONNREFUSED`, `UND_ERR_HEADERS_TIMEOUT`, … */
  readonly reason: string;

  constructor(baseUrl: string, reason: string, cause: unknown) {
    const detail = cause instanceof Error && cause.message !== '' ? cause.message : reason;
    super(`no answer from ${baseUrl}: ${detail}`, { cause });
    this.reason = reason;
  }
}

/** The server answered 2xx with something that this client does not understand: another version, or another program. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}
