import { route, type App, type Route } from '../../platform/app-types.ts';
import { conditionsPage, diagnosisPage, errorsPage, eventsPage } from './pages.ts';

const page = (url: string): Route<{ hide: true }> =>
  route({ method: 'GET', url, config: { access: 'public' }, schema: { hide: true } });

/** The tables of the contract as pages: where `type` of a problem and descriptions in the API point. */
export async function docsRoutes(app: App): Promise<void> {
  const serve = (url: string, html: string): void => {
    app.route({
      ...page(url),
      handler: async (_request, reply) => {
        reply.type('text/html; charset=utf-8');
        return html;
      },
    });
  };
  serve('/docs/errors', errorsPage());
  serve('/docs/conditions', conditionsPage());
  serve('/docs/events', eventsPage());
  serve('/docs/diagnosis', diagnosisPage());
}
