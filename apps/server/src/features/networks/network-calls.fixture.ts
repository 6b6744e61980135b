import type { TestAnswer, TestServer } from '@trunkline/test/integration/server.ts';

/** Calls that tests of networks make all the time. */
export interface NetworkCalls {
  /** Asks for a network. */
  create(body: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** Makes a network with a subnet of its own; fails when it is not made. */
  make(name: string, more?: Record<string, unknown>): Promise<TestAnswer>;
  put(name: string, body: unknown): Promise<TestAnswer>;
  patch(name: string, body: unknown, etag?: string, query?: string): Promise<TestAnswer>;
  remove(name: string, etag?: string, query?: string): Promise<TestAnswer>;
  /** Runs a container on a network. */
  runOn(host: string, name: string, network: string, more?: Record<string, unknown>): Promise<TestAnswer>;
  /** Changes the labels of a host. */
  label(host: string, labels: Record<string, string | null>): Promise<TestAnswer>;
  /** Revision of the whole database: raised by every change. */
  revision(): Promise<string>;
}

const at = (name: string, query = ''): string => `/v1/networks/${name}${query}`;

let subnets = 0;

/** A subnet that no other test of the file has. */
export function freshSubnet(): { cidr: string; gateway: string } {
  subnets += 1;
  return { cidr: `10.50.${subnets}.0/24`, gateway: `10.50.${subnets}.1` };
}

export function callNetworks(server: TestServer): NetworkCalls {
  return {
    create: (body, headers) => server.request('POST', '/v1/networks', body, headers),
    async make(name, more = {}) {
      const body = { name, parent: 'ens33', subnets: [freshSubnet()], ...more };
      const answer = await server.request('POST', '/v1/networks', body);
      if (answer.status !== 201) throw new Error(`${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer;
    },
    put: (name, body) => server.request('PUT', at(name), body, { 'if-match': '*' }),
    patch: (name, body, etag = '*', query = '') =>
      server.request('PATCH', at(name, query), body, {
        'if-match': etag,
        'content-type': 'application/merge-patch+json',
      }),
    remove: (name, etag = '*', query = '') =>
      server.request('DELETE', at(name, query), undefined, { 'if-match': etag }),
    runOn: (host, name, network, more = {}) =>
      server.request('POST', '/v1/containers', {
        name,
        host,
        image: 'busybox',
        attachments: [{ network }],
        ...more,
      }),
    label: (host, labels) => server.request('PATCH', `/v1/hosts/${host}`, { labels }, { 'if-match': '*' }),
    async revision() {
      const { rows } = await server.platform.database.pool.query<{ value: string }>(
        'SELECT value FROM revision',
      );
      return rows[0]?.value ?? '';
    },
  };
}
