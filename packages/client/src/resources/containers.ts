import { containerPath, type Container, type ContainerCreate, type ContainerPut } from '@trunkline/contracts';
import type { Answer, CallOptions, ListQuery, PageOf, Requester, WriteOptions } from '../request.ts';

/** `/v1/containers` */
export function createContainers({ call, all }: Requester) {
  return {
    /** Runs a container. */
    create: (body: ContainerCreate, options?: WriteOptions): Promise<Answer<Container>> =>
      call({ method: 'POST', path: '/v1/containers', body }, options),
    /** One page of containers. */
    list: (query?: ListQuery, options?: CallOptions): Promise<Answer<PageOf<Container>>> =>
      call({ method: 'GET', path: '/v1/containers', ...(query && { query }) }, options),
    /** Every container. */
    all: (query?: ListQuery, options?: CallOptions): AsyncIterable<Container> =>
      all('/v1/containers', query, options),
    get: (name: string, options?: CallOptions): Promise<Answer<Container>> =>
      call({ method: 'GET', path: containerPath(name) }, options),
    /** Runs it where there is none (`ifNoneMatch: '*'`: only there), else changes it; `ifMatch` is required for a change. */
    put: (name: string, body: ContainerPut, options?: WriteOptions): Promise<Answer<Container>> =>
      call({ method: 'PUT', path: containerPath(name), body }, options),
    /** Stops and removes it; its addresses are freed once it is gone. */
    remove: (name: string, options?: WriteOptions): Promise<Answer<unknown>> =>
      call({ method: 'DELETE', path: containerPath(name) }, options),
  };
}
