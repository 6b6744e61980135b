import type { App } from '../../platform/app-types.ts';
import { conditionsPage, errorsPage, eventsPage } from './pages.ts';

/** The tables of the contract as pages: where `type` of a problem and descriptions in the API point. */
export async function docsRoutes(app: App): Promise<void> {
  const serve = (path: string, page: string): void => {
    app.get(path, { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => {
      reply.type('text/html; charset=utf-8');
      return page;
    });
  };
  serve('/docs/errors', errorsPage());
  serve('/docs/conditions', conditionsPage());
  serve('/docs/events', eventsPage());
}
