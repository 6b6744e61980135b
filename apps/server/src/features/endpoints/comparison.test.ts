import { describe, expect, test } from 'vitest';
import type { OddAddress, OddEndpoint } from './comparison.store.ts';
import { compareBooks } from './comparison.ts';

const at = new Date('2026-11-24T09:30:00.000Z');
const endpoint = (more: Partial<OddEndpoint>): OddEndpoint => ({
  network: 'mac_net1',
  ip: '172.16.100.10',
  host: 'docker01',
  container: 'web',
  dockerId: 'd1',
  mac: null,
  since: at,
  observedAt: at,
  inside: true,
  state: null,
  claimants: null,
  heldBy: null,
  holders: 1,
  stations: 1,
  ...more,
});
const address = (more: Partial<OddAddress>): OddAddress => ({
  network: 'mac_net1',
  ip: '172.16.100.20',
  state: 'bound',
  claimants: null,
  host: 'docker01',
  container: 'web',
  dockerId: 'd1',
  mac: null,
  since: at,
  observedAt: at,
  ...more,
});

describe('each finding says which address, host and container, as of when, and what to do', () => {
  test('two running containers with one address are one finding that names both', () => {
    const [finding, ...rest] = compareBooks(
      [endpoint({ holders: 2 }), endpoint({ holders: 2, host: 'docker02', container: 'db', dockerId: 'd2' })],
      [],
    );
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      kind: 'two-holders',
      message: '172.16.100.10 is on 2 running containers: web on docker01, db on docker02',
      holders: [
        { host: 'docker01', container: 'web', observedAt: at.toISOString() },
        { host: 'docker02', container: 'db' },
      ],
    });
  });

  test.each([
    [endpoint({ inside: false }), 'outside', 'is in no subnet of mac_net1'],
    [endpoint({}), 'seen-not-bound', 'which is recorded as free'],
    [endpoint({ state: 'leased', heldBy: 'docker02' }), 'seen-not-bound', 'leased by host docker02'],
    [endpoint({ state: 'quarantined' }), 'seen-not-bound', 'which is recorded as quarantined'],
  ])('%#: a container that does not fit the book is %s', (row, kind, message) => {
    const [finding] = compareBooks([row], []);
    expect(finding).toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(finding?.remedy).not.toBe('');
  });

  test('an address that nobody is seen on says since when it is bound, and how old the look is', () => {
    expect(compareBooks([], [address({})])).toMatchObject([
      {
        kind: 'bound-not-seen',
        holders: [{ host: 'docker01', since: at.toISOString(), observedAt: at.toISOString() }],
      },
    ]);
  });

  test('an address that several hosts claim is no foreign station, and names them', () => {
    const claimants = ['docker01', 'docker02'];
    const findings = compareBooks(
      [endpoint({ state: 'conflicted', claimants })],
      [address({ state: 'conflicted', host: null, mac: '02:42:ac:10:64:14', claimants })],
    );
    expect(findings.map(({ kind }) => kind)).toEqual(['conflicted', 'seen-not-bound']);
    for (const { message, remedy } of findings) {
      expect(message).toContain('since a backup was restored, containers of docker01, docker02 claim it');
      expect(message).not.toContain('foreign station');
      expect(remedy).toContain('remove the containers that should not have it');
    }
    const [foreign] = compareBooks([], [address({ state: 'conflicted', host: null })]);
    expect(foreign?.message).toContain('a foreign station');
  });

  test('the gravest come first', () => {
    const conflict = address({ state: 'conflicted', host: null, mac: '00:0c:29:00:00:01' });
    expect(
      compareBooks(
        [endpoint({}), endpoint({ ip: '172.16.100.11', holders: 2 })],
        [address({}), conflict],
      ).map(({ kind }) => kind),
    ).toEqual(['two-holders', 'conflicted', 'seen-not-bound', 'bound-not-seen']);
  });
});
