import type { FastifyRequest } from 'fastify';
import { ApiError, invalidFields } from './errors.ts';

/** Strong entity tag (RFC 9110 8.8.3) of a resource: which one it is, and its version. */
export function entityTag(id: string, version: number): string {
  return `"${version}.${id.slice(-12)}"`;
}

/** Whether a tag is of this version: as changes answer it, or as GET does, with what was answered behind it (conditional-get.ts). */
const namesVersion = (tag: string, current: string): boolean =>
  tag === '*' || tag === current || (tag.startsWith(`${current.slice(0, -1)}.`) && tag.endsWith('"'));

/** What the headers of a PUT say about the resource; each throws what does not hold (RFC 9110 13.1 and 13.2.2). */
export interface PutPreconditions {
  /** There is no such resource: it would be made. */
  whenAbsent(what: string): void;
  /** There is one, of this version. */
  whenPresent(what: string, current: string): void;
  /** It is there, and would change. */
  beforeChange(current: string): void;
}

/**
 * `If-None-Match: *` makes and changes nothing; `If-Match` changes and makes nothing. Without either the resource is made where there is
 * none; where there is one, only a request that changes nothing is let through.
 */
export function putPreconditions(request: Pick<FastifyRequest, 'headers'>): PutPreconditions {
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers;
  return {
    whenAbsent(what) {
      if (match === undefined) return;
      throw new ApiError(
        'precondition_failed',
        `there is no ${what}, so If-Match: ${match} does not hold: leave it out to create it`,
      );
    },
    whenPresent(what, current) {
      if (match !== undefined) checkIfMatch(request, current);
      if (noneMatch === undefined) return;
      const tags = noneMatch.split(',').map((tag) => tag.trim());
      if (!tags.some((tag) => namesVersion(tag, current))) return;
      throw new ApiError(
        'precondition_failed',
        `${what} is there, with ETag ${current}, so If-None-Match: ${noneMatch} does not hold: send If-Match to change it`,
        { data: { etag: current } },
      );
    },
    beforeChange(current) {
      if (match === undefined) checkIfMatch(request, current);
    },
  };
}

/**
 * If-Match on PUT, PATCH and DELETE (RFC 9110 13.1.1): required, so that nobody overwrites what he has not seen. `*`
 * says "whatever it is". Throws 428 without the header and 412 when it names another version.
 */
export function checkIfMatch(request: Pick<FastifyRequest, 'headers'>, current: string): void {
  const header = request.headers['if-match'];
  if (header === undefined) {
    throw new ApiError(
      'precondition_required',
      `send If-Match with the ETag you last saw, now ${current}, or * to overwrite any version`,
    );
  }
  const tags = header.split(',').map((tag) => tag.trim());
  if (tags.some((tag) => namesVersion(tag, current))) return;
  throw new ApiError(
    'precondition_failed',
    `the resource has changed since ${header} and is now ${current}: read it again and repeat`,
    { data: { etag: current } },
  );
}

/** The name in the body of a PUT is the one in its path. */
export function checkName(inBody: string, inPath: string): void {
  if (inBody !== inPath)
    throw invalidFields([{ pointer: '/name', message: `must be ${inPath}, as in the path: a name is kept` }]);
}
