import type { FastifyReply } from 'fastify';

/**
 * Writes an answer that may be one of several schemas as the named one (its `$id`) that it is. The serializer left to itself would
 * validate it against each to find out, which costs five times as much as writing it.
 */
export function writtenAs(name: string): (reply: FastifyReply) => FastifyReply {
  // One object for all answers: what is compiled for it is kept by it.
  const schema = { $ref: `${name}#` };
  return (reply) =>
    reply.type('application/json; charset=utf-8').serializer(reply.compileSerializationSchema(schema));
}
