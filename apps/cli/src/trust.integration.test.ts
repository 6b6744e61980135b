/** Whom the program trusts: certificates, and what is no server of ours. */
import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useCli } from './run-cli.fixture.ts';

const cli = useCli();
let tlsUrl: string;
let certificate: string;
const servers: NetServer[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

const listening = async (server: NetServer | Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** The server behind TLS, with a certificate that no machine trusts. */
beforeAll(async () => {
  const [key, cert] = [join(cli.home, 'key.pem'), join(cli.home, 'cert.pem')];
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=trunkline';
  const files = ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', [...request.split(' '), ...files]);
  certificate = cert;
  const plainPort = Number(new URL(cli.baseUrl).port);
  const tls = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, (near) => {
    const far = connect(plainPort, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy()).pipe(other);
  });
  tlsUrl = `https://127.0.0.1:${await listening(tls)}`;
});

const login = (url: string, ...flags: string[]) =>
  cli.run(['login', url, '--name', 'tls', ...flags], { input: cli.server.token });

test('an unknown authority is refused with what to do, and trusted with its file, which is kept', async () => {
  expect(await login(tlsUrl)).toMatchObject({ code: 3, stderr: expect.stringContaining('--ca-file') });
  expect((await cli.run(['context', 'list'])).stdout).toBe('');
  expect(await login(tlsUrl, '--ca-file', certificate)).toMatchObject({ code: 0 });
  expect(await cli.run(['get', 'hosts'])).toMatchObject({ code: 0 });
  const env = { TRUNKLINE_URL: tlsUrl, TRUNKLINE_TOKEN: cli.server.token, TRUNKLINE_CA_FILE: certificate };
  expect(
    await cli.run(['get', 'hosts'], { env: { ...env, XDG_CONFIG_HOME: join(cli.home, 'other') } }),
  ).toMatchObject({
    code: 0,
  });
  expect((await cli.run(['join-command', 'docker09'])).stderr).toContain('TRUNKLINE_CA_FILE');
  expect((await login(tlsUrl, '--ca-file', join(cli.home, 'key.pem'))).code).toBe(2);
});

test('a wrong scheme is said to be that', async () => {
  expect(await login(cli.baseUrl.replace('http:', 'https:'))).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('write http://'),
  });
  expect(await login(tlsUrl.replace('https:', 'http:'))).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('see that the URL has the right scheme'),
  });
});

test('a token is kept for no stranger, and what a stranger says does not reach the terminal raw', async () => {
  const stranger = createServer((request, response) => {
    const isLie = request.headers.authorization === 'Bearer tl_lie';
    response
      .writeHead(isLie ? 404 : 200, { 'content-type': isLie ? 'application/problem+json' : 'text/html' })
      .end(JSON.stringify({ code: 'not_found\u001b[2J', detail: '\u009b2J', retryable: false }));
  });
  const url = `http://127.0.0.1:${await listening(stranger)}`;
  expect(await cli.run(['login', url, '--name', 'stranger'], { input: 'tl_mine' })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('not JSON, see that the address is that of a Trunkline server'),
  });
  expect((await cli.run(['context', 'list'])).stdout).not.toContain('stranger');
  const lied = await cli.run(['get', 'hosts'], { env: { TRUNKLINE_URL: url, TRUNKLINE_TOKEN: 'tl_lie' } });
  expect(lied).toMatchObject({ code: 7, stderr: 'trunkline: not_found\\x1b[2J: \\x9b2J\n' });
});

test('output that cannot be written is a failure', () => {
  const program = join(import.meta.dirname, 'main.ts');
  const { status, stderr } = spawnSync('sh', ['-c', `'${process.execPath}' '${program}' --help > /dev/full`]);
  expect([status, stderr.toString()]).toEqual([
    1,
    expect.stringContaining('the output could not be written: ENOSPC'),
  ]);
});
