import { connect as connectTcp, type Socket } from 'node:net';

/** One kept-alive HTTP/1.1 connection that carries one request at a time. */
export interface HttpConnection {
  /** Sends a whole request; answers the status once the whole answer has come. Fails when the connection ends. */
  ask(request: string): Promise<number>;
  close(): void;
}

const endOfHead = '\r\n\r\n';
const lengthPattern = /\r\ncontent-length: (\d+)/i;

/** A request with a JSON body, as it goes over the wire. */
export function postRequest(
  { host }: URL,
  path: string,
  headers: Record<string, string>,
  body: string,
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}content-length: ${String(Buffer.byteLength(body))}${endOfHead}${body}`;
}

/** Length of the whole answer that begins `text`; undefined while its head is not complete. */
function lengthOf(text: string): number | undefined {
  const head = text.indexOf(endOfHead);
  if (head < 0) return undefined;
  const length = lengthPattern.exec(text)?.[1];
  if (length === undefined) throw new Error('the answer has no content-length');
  return head + endOfHead.length + Number(length);
}

/**
 * Opens a connection. It does only what measuring needs, because clients share the processors with what they measure:
 * a full client (undici) costs as much for each request as Fastify does.
 */
export async function openConnection(origin: URL): Promise<HttpConnection> {
  let text = '';
  let waiting: { resolve: (status: number) => void; reject: (error: unknown) => void } | undefined;

  const fail = (error: unknown): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  const received = (chunk: string): void => {
    text += chunk;
    try {
      const length = lengthOf(text);
      if (length === undefined || text.length < length) return;
    } catch (error) {
      return fail(error);
    }
    const answered = waiting;
    const status = Number(text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
    text = '';
    waiting = undefined;
    answered?.resolve(status);
  };

  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = connectTcp({
      host: origin.hostname,
      port: Number(origin.port),
      noDelay: true,
      // One buffer for all that comes, read as bytes: a character is a byte, so lengths can be compared.
      onread: {
        buffer: Buffer.alloc(65_536),
        callback(size, bytes) {
          received(Buffer.from(bytes.buffer, bytes.byteOffset, size).toString('latin1'));
          return true;
        },
      },
    });
    opening.once('error', reject);
    opening.once('connect', () => {
      opening.off('error', reject);
      resolve(opening);
    });
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the connection was closed')));

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}
