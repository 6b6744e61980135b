import { mkdir, rm } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';

/** Name under which Docker finds the driver. */
export const idleDriver = 'idle';

/** What the driver answers to each call of Docker's IPAM protocol (libnetwork, docs/ipam.md): at once, and always the same. */
const answers: Readonly<Record<string, (asked: { Pool?: string; Address?: string }) => object>> = {
  '/Plugin.Activate': () => ({ Implements: ['IpamDriver'] }),
  '/IpamDriver.GetCapabilities': () => ({}),
  '/IpamDriver.GetDefaultAddressSpaces': () => ({
    LocalDefaultAddressSpace: 'local',
    GlobalDefaultAddressSpace: 'global',
  }),
  '/IpamDriver.RequestPool': ({ Pool = '' }) => ({ PoolID: Pool, Pool }),
  '/IpamDriver.RequestAddress': ({ Address = '' }) => ({ Address: `${Address}/24` }),
};

/** An IPAM driver for a host's Docker that keeps nothing: what any driver outside of Docker costs at least. */
export async function serveIdleDriver(host: LabHost): Promise<AsyncDisposable> {
  const socket = path.join(path.dirname(host.dockerSocket), 'docker/plugins', `${idleDriver}.sock`);
  await mkdir(path.dirname(socket), { recursive: true });
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      const answer = answers[request.url ?? '']?.(body === '' ? {} : (JSON.parse(body) as object)) ?? {};
      response
        .setHeader('content-type', 'application/vnd.docker.plugins.v1.1+json')
        .end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(socket, resolve);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await rm(socket, { force: true });
    },
  };
}
