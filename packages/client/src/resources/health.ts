import type { Answer, CallOptions, Requester } from '../request.ts';

/** What is asked of a server by machines that watch it. No token needed. */
export function createHealth({ call }: Requester) {
  return {
    /** The process is alive; says nothing about the database. */
    live: (options?: CallOptions): Promise<Answer<unknown>> =>
      call({ method: 'GET', path: '/livez' }, options),
    /** The server can do its work; fails with status 503 while it cannot. */
    ready: (options?: CallOptions): Promise<Answer<unknown>> =>
      call({ method: 'GET', path: '/readyz' }, options),
    /** Prometheus text. */
    metrics: (options?: CallOptions): Promise<Answer<string>> =>
      call({ method: 'GET', path: '/metrics' }, options),
    /** The OpenAPI 3.1 document. */
    openapi: (options?: CallOptions): Promise<Answer<Record<string, unknown>>> =>
      call({ method: 'GET', path: '/openapi.json' }, options),
  };
}
