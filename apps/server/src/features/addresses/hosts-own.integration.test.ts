import { beforeAll, describe, expect, test } from 'vitest';
import { testFacts } from '@trunkline/test/integration/agent-stub.ts';
import { useTwoHosts } from '@trunkline/test/integration/two-hosts.ts';
import { claimLease, takeLeases } from '../leases/lease-calls.fixture.ts';

const at = useTwoHosts();

/** ens33 of docker02 with these addresses besides. */
const facts = (...addresses: string[]) => {
  const [ens33] = testFacts('docker02').interfaces;
  return { ...testFacts('docker02'), interfaces: [{ ...ens33!, mac: '00:0C:29:3A:5B:02', addresses }] };
};

async function network(name: string, subnets: unknown[]) {
  const { body } = await at.call.make(name, { hosts: { names: ['docker01'] }, space: name, subnets });
  const path = `/v1/networks/${name}/addresses`;
  return {
    id: body.id as string,
    ask: (request: unknown) => at.server.request('POST', path, request),
    get: async (ip: string) => (await at.server.request('GET', `${path}/${ip}`)).body,
  };
}

beforeAll(async () => {
  await at.one.report();
});

describe('an address that a host itself has', () => {
  test('is given to nobody: not as the next free one, not by name, not to an agent', async () => {
    const lan = await network('lan', [{ cidr: '172.16.1.0/24', ranges: ['172.16.1.29-172.16.1.32'] }]);
    const given = [(await lan.ask({})).body.ip, (await lan.ask({})).body.ip];
    expect(given).toEqual(['172.16.1.29', '172.16.1.31']);
    expect((await lan.ask({ address: '172.16.1.30' })).body).toMatchObject({
      code: 'address_taken',
      detail: expect.stringContaining('is the address of host docker01 itself, on ens33'),
    });
    expect((await takeLeases(at.one, lan.id, 4, true)).granted.map(({ ip }) => ip)).toEqual(['172.16.1.32']);
    const claimed = await claimLease(at.one, lan.id, { ip: '172.16.1.30' });
    expect(JSON.stringify(claimed)).toContain('is the address of host docker01 itself');
    expect(await lan.get('172.16.1.30')).toMatchObject({
      state: 'conflicted',
      mac: '00:0c:29:3a:5b:01',
      labels: { 'io.trunkline.host': 'docker01', 'io.trunkline.interface': 'ens33' },
    });
  });

  test('that it was given later is kept soon after its next report, and again when it was released by force', async () => {
    const late = await network('late', [{ cidr: '172.16.2.0/24' }]);
    expect((await late.get('172.16.2.40')).code).toBe('address_not_found');
    await at.two.report({ facts: facts('172.16.2.40/24', 'fe80::1/64', 'not an address') });
    at.server.startSweeps();
    const state = async () => (await late.get('172.16.2.40')).state;
    await expect.poll(state, { timeout: 15_000 }).toBe('conflicted');
    const path = '/v1/networks/late/addresses/172.16.2.40';
    expect((await at.server.request('DELETE', path)).body.code).toBe('address_in_use');
    expect((await at.server.request('DELETE', `${path}?force=true`)).status).toBe(204);
    await expect.poll(state, { timeout: 15_000 }).toBe('conflicted');
    const { body } = await at.server.request('GET', '/v1/events?type=address.conflicted&network=late');
    expect(body.items[0]).toMatchObject({
      subject: path,
      host: 'docker02',
      data: { mac: '00:0c:29:3a:5b:02', interface: 'ens33' },
    });
  });

  test('that is the gateway, or is reserved already, is as it was', async () => {
    const routed = await network('routed', [{ cidr: '172.16.1.0/24', gateway: '172.16.1.30' }]);
    expect((await routed.ask({ address: '172.16.1.30' })).body.detail).toContain('is the gateway');
    const held = await network('held', [{ cidr: '172.16.3.0/24' }]);
    expect((await held.ask({ address: '172.16.3.9', owner: 'web' })).status).toBe(201);
    await at.two.report({ facts: facts('172.16.2.40/24', '172.16.3.9/24', '172.16.3.10/24') });
    await expect
      .poll(async () => (await held.get('172.16.3.10')).state, { timeout: 15_000 })
      .toBe('conflicted');
    expect(await held.get('172.16.3.9')).toMatchObject({ state: 'reserved', owner: 'web' });
  });

  test('keeps neither its network nor its subnet, and is no finding of the addresses check', async () => {
    const gone = await network('gone', [{ cidr: '172.16.1.0/24' }]);
    expect((await gone.get('172.16.1.30')).state).toBe('conflicted');
    const check = await at.server.request('POST', '/v1/checks?wait=5s', {
      kind: 'addresses',
      network: 'gone',
    });
    expect(check.body.result).toMatchObject({ consistent: true });
    const moved = await at.server.request(
      'PATCH',
      '/v1/networks/gone',
      { subnets: [{ cidr: '172.16.4.0/24' }] },
      { 'if-match': '*', 'content-type': 'application/merge-patch+json' },
    );
    expect(moved.status).toBe(200);
  });
});
