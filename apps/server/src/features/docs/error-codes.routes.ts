import { errorTable } from '@trunkline/contracts';
import type { App } from '../../platform/app-types.ts';

const page = (): string => {
  const rows = Object.entries(errorTable).map(
    ([code, kind]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${kind.status}</td><td>${kind.title}</td><td>${kind.retryable ? 'yes' : 'no'}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Trunkline: error codes</title>
<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem}td,th{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #ddd}tr:target{background:#ffd}</style>
<h1>Error codes</h1><p>Every answer that is not 2xx is <code>application/problem+json</code> with one of these codes. <em>Retry</em>: the same request may succeed later without a change by the caller.</p>
<table><tr><th>code</th><th>status</th><th>meaning</th><th>retry</th></tr>${rows.join('\n')}</table></html>`;
};

/** The table of error codes, where the `type` of a problem points. */
export async function errorCodeRoutes(app: App): Promise<void> {
  app.get(
    '/docs/errors',
    { config: { access: 'public' }, schema: { hide: true } },
    async (_request, reply) => {
      reply.type('text/html; charset=utf-8');
      return page();
    },
  );
}
