import http from 'node:http';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { idleDriver, serveIdleDriver } from './idle-ipam.ts';
import { median } from './median.ts';

const rounds = 20;
/** Rounds of each that are not counted: Node compiles what it has run some times, and connections are made. */
const warmUpRounds = 10;
const settledMs = 30_000;
const subnet = { cidr: '172.16.100.0/24', gateway: '172.16.100.1' };
const directName = 'direct_net1';
const dockersOwn = 'default';

/** One call to a Docker Engine. Fails with Docker's words for any status but 2xx. */
async function dockerCall(socketPath: string, method: string, path: string, body?: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const payload = body === undefined ? '' : JSON.stringify(body);
  const headers = { host: 'docker', 'content-type': 'application/json', 'content-length': payload.length };
  const request = http.request({ socketPath, method, path, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => {
      const { statusCode = 0 } = response;
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`Docker: ${method} ${path}: ${String(statusCode)} ${text}`));
    });
  });
  request.on('error', reject);
  request.end(payload);
  await promise;
}

/** What the agent asks its Docker for, asked directly, with addresses given by a driver of this name. */
async function createDirectly(host: LabHost, ipamDriver: string): Promise<void> {
  await dockerCall(host.dockerSocket, 'POST', '/networks/create', {
    Name: directName,
    CheckDuplicate: true,
    Driver: 'macvlan',
    IPAM: { Driver: ipamDriver, Config: [{ Subnet: subnet.cidr, Gateway: subnet.gateway }] },
    Options: { parent: host.uplink, macvlan_mode: 'bridge' },
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Time of the two Docker calls in parallel, in milliseconds. Removes both networks, untimed. */
async function directRound({ lab }: Fleet, ipamDriver: string): Promise<number> {
  try {
    return await timed(
      async () => await Promise.all(lab.hosts.map(async (host) => await createDirectly(host, ipamDriver))),
    );
  } finally {
    await Promise.all(
      lab.hosts.map(async (host) => await dockerCall(host.dockerSocket, 'DELETE', `/networks/${directName}`)),
    );
  }
}

/**
 * Until the hosts have carried out all of their documents, and ask the wire for none of the addresses that they took in
 * advance: what one round leaves to do is not part of the next.
 */
async function settled({ client, lab }: Fleet): Promise<void> {
  const areQuiet = async (): Promise<boolean> =>
    (await Promise.all(lab.hosts.map(async (host) => await host.exec(['pgrep', '-x', 'arping'])))).every(
      ({ stdout }) => stdout === '',
    );
  const areSettled = async (): Promise<boolean> =>
    (await client.hosts.list()).body.items.every((host) => host.observedRevision === host.desiredRevision) &&
    (await areQuiet());
  await waitFor('hosts with nothing left to do', areSettled, settledMs, 100);
}

/** Time from the request to "ready on both hosts", in milliseconds. Removes the network, untimed. */
async function productRound(fleet: Fleet): Promise<number> {
  const { client, lab } = fleet;
  const body = { name: 'mac_net1', parent: 'ens33', hosts: { all: true }, subnets: [subnet] };
  const took = await timed(async () => {
    const answer = await client.networks.create(body, { wait: '30s' });
    if (answer.body.status.hosts.ready === lab.hosts.length) return;
    throw new Error(`the network was not ready within 30 s: ${JSON.stringify(answer.body.status)}`);
  });
  const { status } = await client.networks.remove('mac_net1', { ifMatch: '*', wait: '30s' });
  if (status !== 204) throw new Error('the network was not removed within 30 s');
  await settled(fleet);
  return took;
}

const ms = (value: number): string => `${value.toFixed(1)} ms`;

const row = (name: string, samples: readonly number[], ratio: string): string[] => [
  name,
  ms(median(samples)),
  ms(Math.min(...samples)),
  ms(Math.max(...samples)),
  ratio,
];

/**
 * From `POST /v1/networks?wait=30s` to ready on two hosts, against the same two Docker calls made directly and in
 * parallel: alternating, so that all see the same machine. The same calls name an IPAM driver, as the agent's do, here one
 * that answers at once; Docker's own IPAM, which asks nobody, is measured beside it. The first row holds the heads.
 */
export async function benchConvergence(progress: (text: string) => void): Promise<string[][]> {
  progress('starting two hosts, server and agents');
  await using fleet = await createFleet({ hosts: 2, name: `bench-${String(process.pid)}` });
  await using drivers = new AsyncDisposableStack();
  for (const host of fleet.lab.hosts) drivers.use(await serveIdleDriver(host));
  const own: number[] = [];
  const direct: number[] = [];
  const product: number[] = [];
  const one = async (): Promise<[number, number, number]> => [
    await directRound(fleet, dockersOwn),
    await directRound(fleet, idleDriver),
    await productRound(fleet),
  ];
  progress(`warming up with ${String(warmUpRounds)} rounds`);
  for (let round = 1; round <= warmUpRounds; round += 1) await one();
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${String(round)} of ${String(rounds)}`);
    const [withOwn, withIdle, withProduct] = await one();
    own.push(withOwn);
    direct.push(withIdle);
    product.push(withProduct);
  }
  progress('removing hosts, server and agents');
  const over = (base: readonly number[]): string => `${(median(product) / median(base)).toFixed(1)}x`;
  return [
    [`convergence, ${String(rounds)} rounds`, 'median', 'fastest', 'slowest', 'ratio'],
    row('Docker called directly on 2 hosts', direct, ''),
    row('the same with its own IPAM', own, ''),
    row('POST /v1/networks?wait to ready on 2', product, `${over(direct)}, ${over(own)}`),
  ];
}
