import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Platform } from './platform.ts';

/** A comment line this often keeps proxies from closing a quiet stream. */
const keepAliveMs = 15_000;
/** Entries of a log that are read at once for a stream. */
export const streamBatch = 500;

/** Whether a request asks for a stream (Server-Sent Events) and not for a page. */
export const wantsStream = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  /\btext\/event-stream\b/.test(headers.accept ?? '');

/** A log that is followed: its entries after a position, oldest first. */
export interface FollowedLog<T> {
  start: bigint;
  /** What was read after `start`, so that a position that the log does not have is refused as any request is. */
  first: readonly T[];
  read: (after: bigint) => Promise<readonly T[]>;
  position: (entry: T) => bigint;
  frame: (entry: T) => string;
  gone: AbortSignal;
}

/** Writes the entries of a log as they come (WHATWG HTML, server-sent events) until the caller or the server goes. */
export async function streamLog<T>(
  platform: Pick<Platform, 'feed' | 'log'>,
  reply: FastifyReply,
  { start, first, read, position: positionOf, frame, gone }: FollowedLog<T>,
): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': reply.request.id,
  });
  raw.write('retry: 1000\n\n');
  const write = async (text: string): Promise<void> => {
    if (!raw.write(text) && !gone.aborted) {
      await new Promise<void>((resolve) => {
        raw.once('drain', resolve);
        gone.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };
  let position = start;
  let pending = first;
  try {
    while (!gone.aborted) {
      // The wait begins before the read, so that nothing committed in between is missed.
      const change = platform.feed.next(keepAliveMs, gone);
      for (const entry of pending) {
        await write(frame(entry));
        position = positionOf(entry);
      }
      pending = await read(position);
      if (pending.length > 0) continue;
      await change;
      pending = await read(position);
      if (pending.length === 0 && !gone.aborted) await write(': still here\n\n');
    }
  } catch (error) {
    // The client reconnects with Last-Event-ID and gets the error, if it persists.
    platform.log.warn({ err: error }, 'stream of a log ended');
  }
  raw.end();
}
