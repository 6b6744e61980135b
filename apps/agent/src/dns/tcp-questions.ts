import type { Socket } from 'node:net';
import { maxQuestionBytes } from './message.ts';

/** How a connection is served. */
export interface ConnectionDeps {
  /** Null: the question gets no answer, and the connection ends. */
  readonly replyTo: (message: Buffer) => Buffer | null;
  /** How long a connection may be without a whole question, in milliseconds. */
  readonly idleMs: number;
}

const lengthBytes = 2;

/**
 * Answers the questions on a TCP connection (RFC 1035 section 4.2.2), one after the other in the order in which they came, and ends
 * it when there is none for a while or one is too long. Of what comes, no more than a question is kept; while the other side takes no answers, no
 * question is read.
 */
export function serveConnection(socket: Socket, { replyTo, idleMs }: ConnectionDeps): void {
  let kept: Buffer = Buffer.alloc(0);
  const idle = setTimeout(() => socket.destroy(), idleMs);

  /** Answers what has come as a whole. False: the other side is to take the answers first, or the connection has ended. */
  function workOff(): boolean {
    while (kept.length >= lengthBytes) {
      const length = kept.readUInt16BE(0);
      if (length > maxQuestionBytes) {
        socket.destroy();
        return false;
      }
      if (kept.length < lengthBytes + length) return true;
      const reply = replyTo(kept.subarray(lengthBytes, lengthBytes + length));
      kept = kept.subarray(lengthBytes + length);
      if (reply === null) {
        socket.destroy();
        return false;
      }
      idle.refresh();
      const head = Buffer.alloc(lengthBytes);
      head.writeUInt16BE(reply.length);
      if (!socket.write(Buffer.concat([head, reply]))) return false;
    }
    return true;
  }

  const goOn = (): void => {
    if (workOff()) socket.resume();
  };
  socket.on('data', (bytes) => {
    kept = Buffer.concat([kept, bytes]);
    if (!workOff()) socket.pause();
  });
  socket.on('drain', goOn);
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearTimeout(idle));
}
