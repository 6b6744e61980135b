import fp from 'fastify-plugin';

/** Takes bodies of `application/merge-patch+json` (RFC 7396) as JSON; `__proto__` and `constructor.prototype` refused. */
export const mergePatchParser = fp(
  async (app) => {
    app.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      app.getDefaultJsonParser('error', 'error'),
    );
  },
  { name: 'merge-patch-parser' },
);
