import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DockerNotFound, DockerRefused, DockerUnreachable, DockerUnsupported } from './docker-errors.ts';
import { createDockerEngine } from './dockerode-engine.ts';

/** What a real dockerd cannot show: other versions, silence, answers cut off. */
describe('over a socket whose daemon has its answers given', () => {
  let folder: string;
  let socketPath: string;
  let cleanups: (() => Promise<void>)[];
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tl-docker-'));
    socketPath = path.join(folder, 'docker.sock');
    cleanups = [];
  });
  afterEach(async () => {
    for (const cleanup of cleanups) await cleanup();
    await rm(folder, { recursive: true });
  });

  type Answer = (request: IncomingMessage, response: ServerResponse) => void;
  const listen = async (answer: Answer): Promise<string[]> => {
    const urls: string[] = [];
    const server = createServer((request, response) => {
      urls.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    cleanups.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return urls;
  };

  it('waits longer for a daemon that has been seen to be slow, until it answers', async () => {
    await listen(({ url }, response) => {
      if (url === '/version') json(response, 200, { ApiVersion: '1.41' });
      else setTimeout(() => json(response, 200, []), 150);
    });
    const engine = createDockerEngine({ socketPath, readTimeoutMs: 100 });
    await expect(engine.networks()).rejects.toMatchObject({ reason: 'timeout' });
    await expect.poll(() => engine.networks().catch(() => undefined), { timeout: 10_000 }).toEqual([]);
  });

  it('asks for the version once and speaks the one that both know', async () => {
    const urls = await listen(({ url }, response) =>
      json(response, 200, url === '/version' ? { ApiVersion: '1.60', MinAPIVersion: '1.44' } : []),
    );
    const engine = createDockerEngine({ socketPath });
    await engine.networks();
    await engine.containers();
    expect(urls).toEqual(['/version', '/v1.55/networks', expect.stringContaining('/v1.55/containers/json')]);
  });

  it('asks for the version again once the event stream has ended, since it ends with its daemon', async () => {
    let daemon = '20.10.24';
    await listen(({ url }, response) => {
      if (url === '/version') json(response, 200, { ApiVersion: '1.41', Version: daemon });
      else response.end();
    });
    const engine = createDockerEngine({ socketPath });
    expect((await engine.version()).version).toBe('20.10.24');
    daemon = '29.0.0';
    expect((await engine.version()).version, 'the same daemon is asked once').toBe('20.10.24');
    await engine.events({ onEvent: () => {}, signal: AbortSignal.timeout(5_000) });
    expect((await engine.version()).version).toBe('29.0.0');
  });

  it('settles again when the daemon refuses the version, as after a downgrade', async () => {
    let daemon = '1.52';
    await listen(({ url }, response) => {
      if (url === '/version') return json(response, 200, { ApiVersion: daemon });
      if (url?.startsWith(`/v${daemon}/`) === true) return json(response, 200, []);
      return json(response, 400, { message: 'client version is too new' });
    });
    const engine = createDockerEngine({ socketPath });
    await engine.networks();
    daemon = '1.41';
    await expect(engine.networks()).rejects.toThrow(DockerRefused);
    expect(await engine.networks()).toEqual([]);
    expect(await engine.version()).toMatchObject({ apiVersion: '1.41' });
  });

  it('asks an Engine before 28 for no network without IPv4, and later ones without it', async () => {
    let daemon = '1.47';
    const bodies: unknown[] = [];
    await listen((request, response) => {
      if (request.url === '/version') return json(response, 200, { ApiVersion: daemon });
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        bodies.push(JSON.parse(text));
        json(response, 201, { Id: 'a' });
      });
    });
    const spec = { name: 'six', driver: 'macvlan', subnets: [{ cidr: 'fd00:16::/64' }] };
    await expect(createDockerEngine({ socketPath }).createNetwork(spec)).rejects.toThrow(
      'Engine 28 or later',
    );
    expect(bodies).toEqual([]);
    daemon = '1.48';
    await createDockerEngine({ socketPath }).createNetwork(spec);
    expect(bodies).toMatchObject([{ EnableIPv4: false, EnableIPv6: true }]);
  });

  it('connects with the MAC, on the API from which Engine 29.3 keeps it', async () => {
    const asked: { url: string | undefined; body: unknown }[] = [];
    await listen((request, response) => {
      if (request.url === '/version')
        return json(response, 200, { ApiVersion: '1.55', MinAPIVersion: '1.40' });
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        asked.push({ url: request.url, body: JSON.parse(text) });
        json(response, 200, {});
      });
    });
    await createDockerEngine({ socketPath }).connectNetwork('box1', {
      network: 'lan',
      usualMac: '02:42:ac:10:64:0a',
    });
    expect(asked).toMatchObject([
      { url: '/v1.55/networks/lan/connect', body: { EndpointConfig: { MacAddress: '02:42:ac:10:64:0a' } } },
    ]);
  });

  it('says which side to update when no version fits', async () => {
    await listen((_, response) => json(response, 200, { ApiVersion: '1.39' }));
    await expect(createDockerEngine({ socketPath }).networks()).rejects.toThrow(DockerUnsupported);
  });

  it('is bounded in time, also where dockerode cannot abort', async () => {
    await listen(({ url }, response) => {
      if (url === '/version') json(response, 200, { ApiVersion: '1.41' });
    });
    const engine = createDockerEngine({ socketPath, readTimeoutMs: 50, writeTimeoutMs: 50 });
    for (const attempt of [
      () => engine.network('n1'),
      () => engine.ping(),
      () => engine.removeNetwork('n1'),
    ]) {
      const failure = await attempt().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DockerUnreachable);
      expect(failure).toMatchObject({ reason: 'timeout' });
    }
  });

  it('names the socket that is not there', async () => {
    const failure = await createDockerEngine({ socketPath })
      .networks()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DockerUnreachable);
    expect(failure).toMatchObject({ reason: 'ENOENT', message: expect.stringContaining(socketPath) });
  });

  it('does not let a name reach another path of the API', async () => {
    const urls = await listen((_, response) => json(response, 200, { ApiVersion: '1.41' }));
    const engine = createDockerEngine({ socketPath });
    for (const bad of ['', '../images/json', 'a/b', 'a?all=1', '-x', 'a b']) {
      await expect(engine.container(bad)).rejects.toThrow(DockerRefused);
      await expect(engine.removeNetwork(bad)).rejects.toThrow(DockerRefused);
      await expect(engine.imageExists(`${bad}/..`)).rejects.toThrow(DockerRefused);
    }
    expect(urls).toEqual([]);
  });

  it('removes the container again when it could not be put on its second network', async () => {
    const done: string[] = [];
    await listen(({ method, url }, response) => {
      if (url === '/version') return json(response, 200, { ApiVersion: '1.41' });
      if (url === '/v1.41/networks')
        return json(response, 200, [
          { Id: 'n1', Name: 'a' },
          { Id: 'n2', Name: 'b' },
        ]);
      done.push(`${method ?? ''} ${url ?? ''}`);
      if (url?.includes('/create') === true) return json(response, 201, { Id: 'c1' });
      if (method === 'DELETE') return json(response, 204, '');
      return json(response, 404, { message: 'network b not found' });
    });
    const attachments = [{ network: 'a' }, { network: 'b' }];
    const made = createDockerEngine({ socketPath }).createContainer({
      name: 'box',
      image: 'busybox',
      attachments,
    });
    await expect(made).rejects.toThrow(DockerNotFound);
    expect(done).toEqual([
      'POST /v1.41/containers/create?name=box',
      'POST /v1.41/networks/b/connect',
      'DELETE /v1.41/containers/c1?force=true&v=true',
    ]);
  });

  it('reads events across pieces, drops one that was cut off, and fails when the stream breaks', async () => {
    const event = JSON.stringify({ Type: 'network', Action: 'create', Actor: { ID: 'n1' }, time: 1 });
    let streaming: ServerResponse | undefined;
    const urls = await listen(({ url }, response) => {
      if (url === '/version') return json(response, 200, { ApiVersion: '1.41' });
      response.writeHead(200).write(event.slice(0, 20));
      response.write(`${event.slice(20)}\n${event.slice(0, 20)}`);
      streaming = response;
    });
    const seen: string[] = [];
    const engine = createDockerEngine({ socketPath, nowMs: () => 1_700_000_000_500 });
    const following = engine.events({
      onEvent: ({ action, id }) => {
        seen.push(`${action} ${id}`);
        streaming?.destroy();
      },
      signal: new AbortController().signal,
    });
    await expect(following).rejects.toThrow(DockerUnreachable);
    expect(seen).toEqual(['create n1']);
    expect(urls.at(-1)).toContain('since=1700000000');
  });

  it('ends quietly when aborted before the event stream stands', async () => {
    const stop = new AbortController();
    await listen(({ url }, response) => {
      if (url === '/version') return json(response, 200, { ApiVersion: '1.41' });
      return stop.abort();
    });
    const follow = { onEvent: () => {}, signal: stop.signal };
    await expect(createDockerEngine({ socketPath }).events(follow)).resolves.toBeUndefined();
  });

  it('pulls an image, fails with the registry’s words, and gives up on silence only', async () => {
    await listen(({ url }, response) => {
      if (url === '/version') return json(response, 200, { ApiVersion: '1.41' });
      if (url?.includes('fromImage=missing') === true) {
        return json(response, 200, { errorDetail: { message: 'pull access denied' }, error: 'denied' });
      }
      response.writeHead(200).write(`${JSON.stringify({ status: 'Pulling', id: 'l1' })}\n`);
      if (url?.includes('fromImage=silent') !== true) response.end();
      return undefined;
    });
    const engine = createDockerEngine({ socketPath, pullSilenceMs: 50 });
    const seen: string[] = [];
    await engine.pullImage('busybox', (progress) => seen.push(progress.status));
    expect(seen).toEqual(['Pulling']);
    await expect(engine.pullImage('missing')).rejects.toThrow('pull access denied');
    await expect(engine.pullImage('silent')).rejects.toMatchObject({ reason: 'timeout' });
  });
});

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
