import { listed } from '@trunkline/log';
import { errorTable, maxFieldErrors, type ErrorCode } from '@trunkline/contracts';

/** One thing that is wrong with a request: a JSON Pointer into the body, or `query:<name>` and the like. */
export interface FieldError {
  pointer: string;
  message: string;
}

export interface ApiErrorOptions {
  /** Facts for programs, such as the path of the holder of an address. */
  data?: Record<string, unknown>;
  errors?: FieldError[];
  /** Seconds after which the same request may succeed; sent as Retry-After. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** Anything the API answers that is not 2xx. `detail` states what happened and what to do next. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly data: Record<string, unknown> | undefined;
  readonly errors: FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, detail: string, options: ApiErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = errorTable[code].status;
    this.data = options.data;
    this.errors = options.errors?.slice(0, maxFieldErrors);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** A request whose shape is right but whose values are not, field by field. */
export function invalidFields(errors: FieldError[]): ApiError {
  const faults = errors.map(({ pointer, message }) => `${pointer || 'the request'} ${message}`);
  return new ApiError('invalid_request', listed(faults, { joint: '; ' }) || 'the request is not valid', {
    errors,
  });
}
