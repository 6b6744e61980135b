import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { ApiError } from './errors.ts';
import { handshakeFaultOf, type HandshakeFaultKind, type Handshakes } from './handshakes.ts';
import { problemOf } from './problems.ts';
import { newRequestId } from './request-id.ts';

/** What Node's HTTP parser gave up on. */
function apiErrorOf({ code }: NodeJS.ErrnoException, fault: HandshakeFaultKind | null): ApiError {
  if (fault === 'plain-http')
    return new ApiError(
      'https_required',
      'this port speaks TLS, and the request came over plain HTTP: write https:// in the URL, and replace a token that was sent',
    );
  if (code === 'HPE_HEADER_OVERFLOW')
    return new ApiError(
      'request_head_too_large',
      `the request line and the headers may have at most ${maxHeaderSize / 1024} KiB in total: shorten the path, the query or the headers`,
    );
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ApiError('request_timeout', 'the request did not arrive completely in time: send it again');
  return new ApiError('invalid_request', 'this is not HTTP/1.1 (RFC 9112): the connection is closed');
}

/** Answers what never became a request, on the bare socket, as every other error is answered; then closes it. */
export function clientErrors(
  log: FastifyBaseLogger,
  handshakes: Handshakes,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    const fault = handshakeFaultOf(error);
    if (error.code === 'ECONNRESET' || (socket.destroyed && fault === null)) return;
    if (fault !== null) handshakes.note(fault, socket.remoteAddress ?? '');
    const answer = apiErrorOf(error, fault);
    const id = newRequestId();
    log.debug({ err: error, requestId: id }, 'request could not be read');
    // Nothing can be written over TLS that never came to be.
    const open = fault === 'plain-http' ? handshakes.below(socket) : socket;
    if (open?.writable === true) {
      const body = JSON.stringify(problemOf(answer, { id, url: '/' }));
      // Below TLS the end of the connection would overtake the answer.
      const end = open === socket ? undefined : (): void => void open.destroy();
      open.write(
        [
          `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`,
          'content-type: application/problem+json; charset=utf-8',
          `content-length: ${Buffer.byteLength(body)}`,
          `x-request-id: ${id}`,
          'connection: close',
          '',
          body,
        ].join('\r\n'),
        end,
      );
      if (end !== undefined) return;
    }
    socket.destroy(error);
  };
}
