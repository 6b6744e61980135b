import fp from 'fastify-plugin';

/**
 * Bodies are JSON: `application/json`, and `application/merge-patch+json` (RFC 7396) read the same way; `__proto__` and
 * `constructor.prototype` refused. Fastify would take `text/plain` too.
 */
export const bodyParsers = fp(
  async (app) => {
    app.removeContentTypeParser('text/plain');
    app.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      app.getDefaultJsonParser('error', 'error'),
    );
  },
  { name: 'body-parsers' },
);
