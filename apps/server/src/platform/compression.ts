import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import fp from 'fastify-plugin';

/** A shorter answer gains nothing, in bytes. */
const minBytes = 1_024;
/** So many answers are compressed at a time; more go out as they are, since each takes one of the four threads that also read files. */
const maxAtOnce = 8;

const compress = promisify(gzip);

/** Whether a caller takes gzip: named, or any, and not with a weight of 0 (RFC 9110 12.5.3). */
export function takesGzip(header: string | string[] | undefined): boolean {
  const weights = new Map(
    String(header ?? '')
      .toLowerCase()
      .split(',')
      .map((one) => {
        const [name = '', ...parameters] = one.split(';').map((part) => part.trim());
        const q = parameters.find((part) => part.startsWith('q='));
        return [name, q === undefined ? 1 : Number(q.slice(2))] as const;
      }),
  );
  return (weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0) > 0;
}

/** Compresses texts of some length for whoever takes gzip. Streams of events are written past it, and stay as they are. */
export const compression = fp(
  async (app) => {
    let running = 0;
    app.addHook('onSend', async (request, reply, payload) => {
      if (typeof payload !== 'string' || reply.getHeader('content-encoding') !== undefined) return payload;
      const type = String(reply.getHeader('content-type') ?? '');
      if (!/^(application\/([a-z.+-]+\+)?json|text\/)/.test(type)) return payload;
      reply.header('vary', 'accept-encoding');
      if (payload.length < minBytes || running >= maxAtOnce || request.method === 'HEAD') return payload;
      if (!takesGzip(request.headers['accept-encoding'])) return payload;
      running += 1;
      try {
        const packed = await compress(payload, { level: constants.Z_BEST_SPEED });
        reply.header('content-encoding', 'gzip').header('content-length', packed.length);
        return packed;
      } finally {
        running -= 1;
      }
    });
  },
  { name: 'compression', dependencies: ['conditional-get'] },
);
