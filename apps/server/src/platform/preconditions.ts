import type { FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** Strong entity tag (RFC 9110 8.8.3) of a resource: which one it is, and its version. */
export function entityTag(id: string, version: number): string {
  return `"${version}.${id.slice(-12)}"`;
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
  if (tags.includes('*') || tags.includes(current)) return;
  throw new ApiError(
    'precondition_failed',
    `the resource has changed since ${header} and is now ${current}: read it again and repeat`,
    { data: { etag: current } },
  );
}
