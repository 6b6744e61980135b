import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';

let server: TestServer;
let port: number;

beforeAll(async () => {
  server = await createTestServer();
  port = Number(new URL(await server.app.listen({ host: '127.0.0.1', port: 0 })).port);
});
afterAll(() => server?.close());

/** Sends bytes that need not be HTTP, and reads until the server closes. */
async function sendRaw(bytes: string): Promise<{ head: string; body: Record<string, unknown> }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
  return { head, body: JSON.parse(body) as Record<string, unknown> };
}

/** A body that passes, since bodies are looked at first. */
function requestBodyOf(requestBody: unknown): unknown {
  const [{ example, examples } = {}] = Object.values(
    (
      requestBody as {
        content: Record<string, { example?: unknown; examples?: Record<string, { value: unknown }> }>;
      }
    ).content,
  );
  return example ?? Object.values(examples ?? {})[0]?.value;
}

describe('a parameter that the route does not know', () => {
  const ids = {
    name: 'x1',
    host: 'x1',
    owner: 'x1',
    ip: '10.0.0.1',
    id: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
  };

  test('is refused by every route, and named', async () => {
    const { paths } = (await server.request('GET', '/openapi.json')).body as {
      paths: Record<string, Record<string, { requestBody?: unknown }>>;
    };
    const silent: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      if (!path.startsWith('/v1/')) continue;
      const url = path.replaceAll(/\{(\w+)\}/g, (_all, name: keyof typeof ids) => ids[name]);
      for (const [method, { requestBody }] of Object.entries(methods)) {
        const { status, body } = await server.request(
          method.toUpperCase(),
          `${url}?onwer=web-1`,
          requestBody === undefined ? undefined : requestBodyOf(requestBody),
        );
        const shown = JSON.stringify(body.errors ?? []);
        if (
          status !== 400 ||
          !shown.includes('{"pointer":"query:onwer","message":"is not a field of this request"}')
        )
          silent.push(`${method} ${path}: ${status} ${shown}`);
      }
    }
    expect(silent).toEqual([]);
  });
});

describe('every error is problem+json', () => {
  test('a path that is not percent-encoded UTF-8', async () => {
    const answer = await server.request('GET', '/v1/networks/%E0%A4%A');
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining('%25'),
      requestId: expect.stringMatching(/^req-/),
    });
  });

  test('a name in the path that is too long', async () => {
    const answer = await server.request('GET', `/v1/networks/${'a'.repeat(300)}`);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test.each([
    ['what is not HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
    ['a URL that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`, 431, 'request_head_too_large'],
  ])('%s', async (_what, bytes, status, code) => {
    const { head, body } = await sendRaw(bytes);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json');
    expect(body).toMatchObject({
      type: `/docs/errors#${code}`,
      status,
      code,
      requestId: expect.stringMatching(/^req-/),
      retryable: false,
    });
  });
});

describe('a method or a path that is not there', () => {
  test('405 names the methods that are', async () => {
    const network = await server.request('POST', '/v1/networks/x1');
    expect(network.body).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(network.headers['allow']).toBe('GET, HEAD, PUT, PATCH, DELETE');
    const networks = await server.request('DELETE', '/v1/networks');
    expect(networks.headers['allow']).toBe('GET, HEAD, POST');
  });

  test('a trailing slash leads nowhere', async () => {
    const answer = await server.request('GET', '/v1/networks/x1/');
    expect(answer.body).toMatchObject({ status: 404, code: 'not_found' });
    expect(answer.headers['allow']).toBeUndefined();
  });
});

describe('bodies', () => {
  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    '%s is refused, and the answer says what is taken',
    async (type) => {
      const answer = await server.request('POST', '/v1/networks', {}, { 'content-type': type });
      expect(answer.body).toMatchObject({ status: 415, code: 'unsupported_media_type' });
      expect(answer.body.detail).toContain(`${type} is not supported: send application/json`);
      expect(answer.body.detail).toContain('application/merge-patch+json');
    },
  );

  test('one that is too large is answered with the limit', async () => {
    const answer = await server.request('POST', '/v1/networks', { name: 'a'.repeat(1024 ** 2) });
    expect(answer.body).toMatchObject({
      status: 413,
      code: 'body_too_large',
      detail: expect.stringContaining('1 MiB'),
    });
  });
});

describe('a text that does not have its form is answered with the form, not with what it is for', () => {
  test.each([
    ['GET', '/v1/networks/-x', undefined, 'path:name', '2 to 63 letters'],
    ['GET', '/v1/hosts/-x', undefined, 'path:name', '1 to 63 letters'],
    ['GET', '/v1/containers/-x', undefined, 'path:name', '2 to 63 letters'],
    ['GET', '/v1/checks/x', undefined, 'path:id', 'a UUID'],
    ['GET', '/v1/events?after=-1', undefined, 'query:after', 'up to 18 digits'],
    ['GET', '/v1/hosts?label=rack', undefined, 'query:label', '`key=value`'],
    ['GET', '/v1/networks/x1/addresses?owner=-x', undefined, 'query:owner', '1 to 128 letters'],
    ['POST', '/v1/networks/x1/addresses', { owner: ' x' }, '/owner', '1 to 128 letters'],
    ['POST', '/v1/networks/x1/addresses', { mac: '02:42' }, '/mac', 'six hexadecimal pairs'],
    ['POST', '/v1/networks/x1/addresses', { labels: { 'a b': '' } }, '/labels/a b', '1 to 63 letters'],
    ['POST', '/v1/networks', { space: 'Lab' }, '/space', '1 to 63 lower-case letters'],
    ['POST', '/v1/containers', { image: 'a b' }, '/image', '1 to 512 letters'],
    ['POST', '/v1/containers', { host: '-x' }, '/host', '1 to 63 letters'],
    ['POST', '/v1/containers', { hostname: 'a_b' }, '/hostname', '1 to 63 letters'],
    ['POST', '/v1/containers', { networkMode: 'host' }, '/networkMode', '`container:box1`'],
    ['POST', '/v1/containers', { env: { 'A=B': '' } }, '/env/A=B', 'none of them `=`'],
    ['POST', '/v1/tokens', { name: 'a b' }, '/name', '1 to 63 letters'],
    ['POST', '/v1/tokens', { expiresAt: 'soon' }, '/expiresAt', 'RFC 3339'],
  ])('%s %s %j', async (method, url, body, pointer, message) => {
    const answer = await server.request(method, url, body);
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    // Each form once, and the first of them as a sentence.
    const shown = (answer.body.errors as { pointer: string; message: string }[]).filter(
      (error) => error.pointer === pointer,
    );
    expect(shown).toEqual([{ pointer, message: expect.stringMatching(/must be /) }]);
    expect(shown[0]?.message).toContain(message);
  });

  test.each(['0s', '30s', '300s', '030s'])('`wait` of %s is taken', async (wait) => {
    const answer = await server.request('DELETE', `/v1/networks/x1?wait=${wait}`, undefined, {
      'if-match': '*',
    });
    expect(answer.status).toBe(404);
  });

  test.each(['301s', '999s', '1000s', '-1s', '30', '1m'])('`wait` of %s is refused', async (wait) => {
    const answer = await server.request('DELETE', `/v1/networks/x1?wait=${wait}`, undefined, {
      'if-match': '*',
    });
    expect(answer.body).toMatchObject({
      status: 400,
      errors: [{ pointer: 'query:wait', message: expect.stringContaining('`0s` to `300s`') }],
    });
  });
});

test('a field with a name as long as a body may be is refused within the bounds of a problem', async () => {
  const name = 'x'.repeat(20_000);
  const { status, body } = await server.request('POST', '/v1/checks', { kind: 'connectivity', [name]: 1 });
  expect(status).toBe(400);
  expect(body.detail.length).toBeLessThan(400);
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toContain(`/${name}`);
});
