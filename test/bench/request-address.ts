import { once } from 'node:events';
import http from 'node:http';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createFleet } from '@trunkline/lab/fleet/fleet.ts';
import { quantile } from './load.ts';
import { socketCall } from './socket-call.ts';
import { warmPoolsFull } from './warm-pool.ts';

/** Of each kind. */
const calls = 100;
/** As many as a warm pool may hold: no call waits for a refill. */
const warm = 256;
const network = 'ours';

interface PoolAnswer {
  readonly PoolID?: string;
  readonly Address?: string;
  readonly Error?: string;
}

async function timed(times: number, call: (n: number) => Promise<unknown>): Promise<Float64Array> {
  const samples: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const began = performance.now();
    await call(n);
    samples.push(performance.now() - began);
  }
  return Float64Array.from(samples).sort();
}

/** The bare limit: a Node that appends a line to a file, waits for the disk and answers, on a socket of its own. */
async function measureLimit(agent: http.Agent): Promise<Float64Array> {
  const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-bench-'));
  const socket = path.join(folder, 'limit.sock');
  const file = await open(path.join(folder, 'lines'), 'a');
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      void file
        .write('{}\n')
        .then(() => file.datasync())
        .then(() => response.end('{}'));
    });
  });
  try {
    server.listen(socket);
    await once(server, 'listening');
    return await timed(calls, () => socketCall(agent, socket, '/', {}));
  } finally {
    server.closeAllConnections();
    server.close();
    await file.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;
const row = (label: string, samples: Float64Array, ratio: string): string[] => [
  label,
  ms(quantile(samples, 0.5)),
  ms(quantile(samples, 0.99)),
  ratio,
];

/**
 * `IpamDriver.RequestAddress` answered from a lease, asked as Docker asks at the driver's socket of a real host, one after
 * the other: with the server there, which is asked whether something is reserved for the Ethernet address, and without
 * it. Beside a Node that does no more than wait for the disk.
 */
export async function benchRequestAddress(progress: (text: string) => void): Promise<string[][]> {
  progress('starting a host, server and agent');
  await using fleet = await createFleet({ hosts: 1, name: `ipam-${String(process.pid)}` });
  const host = fleet.lab.host('docker01');
  const subnet = '10.9.0.0/22';
  const { body } = await fleet.client.networks.create(
    { name: network, parent: 'ens33', subnets: [{ cidr: subnet, gateway: '10.9.0.1' }], warm },
    { wait: '60s' },
  );
  progress(`waiting for ${String(warm)} leases`);
  await warmPoolsFull(fleet.client, network, 1, warm);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  // The host's /run, as this machine sees it.
  const socket = path.join(path.dirname(host.dockerSocket), 'docker/plugins/trunkline.sock');
  const call = async (method: string, payload: object): Promise<PoolAnswer> => {
    const answer = (await socketCall(agent, socket, `/IpamDriver.${method}`, payload)) as PoolAnswer;
    if (answer.Error !== undefined && answer.Error !== '') throw new Error(`${method}: ${answer.Error}`);
    return answer;
  };
  try {
    const pool = await call('RequestPool', {
      AddressSpace: 'trunkline-local',
      Pool: subnet,
      SubPool: '',
      Options: { network: body.id },
      V6: false,
    });
    const limit = await measureLimit(agent);
    const given: string[] = [];
    const ask = async (): Promise<void> => {
      const mac = `02:42:0a:09:00:${given.length.toString(16).padStart(2, '0')}`;
      const options = { 'com.docker.network.endpoint.macaddress': mac };
      const { Address = '' } = await call('RequestAddress', {
        PoolID: pool.PoolID,
        Address: '',
        Options: options,
      });
      given.push(Address);
    };
    progress(`asking for ${String(calls)} addresses`);
    const reached = await timed(calls, ask);
    progress('the same without the server');
    await fleet.killServer();
    // The first call finds out, and waits for it.
    await ask();
    const alone = await timed(calls, ask);
    if (new Set(given).size !== given.length)
      throw new Error(`${String(given.length)} calls gave ${String(new Set(given).size)} addresses`);
    await fleet.startServer();
    for (const address of given) {
      await call('ReleaseAddress', { PoolID: pool.PoolID, Address: address.split('/')[0] });
    }
    const ratio = (samples: Float64Array): string =>
      `${(quantile(samples, 0.5) / quantile(limit, 0.5)).toFixed(1)}x`;
    return [
      [`RequestAddress, ${String(calls)} calls`, 'p50', 'p99', 'ratio'],
      row('Node that waits for the disk', limit, ''),
      row('from a lease, server asked for a reservation', reached, ratio(reached)),
      row('from a lease, server away', alone, ratio(alone)),
    ];
  } finally {
    agent.destroy();
  }
}
