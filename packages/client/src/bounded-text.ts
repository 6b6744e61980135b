import type { Readable } from 'node:stream';
import { UnexpectedAnswer } from './errors.ts';

/**
 * Reads a body as UTF-8 up to `maxBytes`; one that is longer is given up there, its connection closed, and fails with
 * `UnexpectedAnswer`. What talks to a server must not grow with whatever answers in its place.
 */
export async function readText(body: Readable, maxBytes: number, request: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) {
      body.destroy();
      throw new UnexpectedAnswer(
        `${request}: the answer is longer than ${maxBytes / 1024 ** 2} MiB and was not read: see that the address is that of a Trunkline server`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
