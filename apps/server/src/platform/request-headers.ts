import { Type } from 'typebox';

/** Node reads no longer headers. The code that reads a shorter one reports what is wrong with it. */
const maxHeader = 16_384;

/** `If-Match` in the OpenAPI document, so that Swagger UI offers it; checkIfMatch reports what is wrong with it. */
export const IfMatchHeader = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      maxLength: maxHeader,
      description: 'The `ETag` you last saw, such as `"1.3f7a5d0e8b11"`; `*` matches any version.',
      examples: ['*'],
    }),
  ),
});

/** Preconditions of a PUT that makes what is not there. */
export const PutHeaders = Type.Object({
  ...IfMatchHeader.properties,
  'if-none-match': Type.Optional(
    Type.String({
      maxLength: maxHeader,
      description: '`*`: only create it, and change nothing where it is there.',
    }),
  ),
});

/** `Idempotency-Key` in the OpenAPI document. */
export const IdempotencyKeyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      maxLength: maxHeader,
      description:
        'Any text of your choice, such as a UUID. A request that is repeated with the same key is carried out only once.',
      examples: ['7d0c1f6e-7c50-4be3-9a3a-0a6f6c8f2b11'],
    }),
  ),
});
