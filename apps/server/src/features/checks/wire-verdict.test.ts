/** What a check of the wire concludes from what its hosts found: one row a fault. */
import { describe, expect, test } from 'vitest';
import type { WirePing, WireTaskResult, WireVerdictCode } from '@trunkline/contracts';
import { triedBy, triesOfEach, wireTask, type WirePlan } from './wire-plan.ts';
import { wireResult, type WirePart } from './wire-verdict.ts';

const gateway = '172.16.100.1';
const mac = (n: number): string => `d6:4c:00:00:00:0${n}`;
const otherMac = (n: number): string => `d6:4c:00:00:01:0${n}`;
const ip = (n: number): string => `172.16.100.${100 + n}`;
const name = (n: number): string => `docker0${n}`;

function planOf(count: number, more: Partial<WirePlan> = {}): WirePlan {
  return {
    network: 'mac_net20',
    networkId: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11',
    vlan: 20,
    mtu: null,
    stations: Array.from({ length: count }, (_, at) => ({
      host: name(at + 1),
      hostId: `h${at + 1}`,
      mac: mac(at + 1),
      owner: `check:${at}`,
      addresses: [{ ip: ip(at + 1), prefix: 24 }],
      referenceMac: otherMac(at + 1),
    })),
    left: [],
    gateways: [{ ip: gateway, cidr: '172.16.100.0/24' }],
    reference: { networkId: '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b12', network: 'mac_net10', vlan: 10 },
    timeoutSeconds: 30,
    ...more,
  };
}

const answered = (address: string, from: string, more: Partial<WirePing> = {}): WirePing => ({
  address,
  sent: 5,
  received: 5,
  lossPercent: 0,
  rttMs: { min: 0.1, avg: 0.2, max: 0.3 },
  mac: from,
  error: null,
  packetBytes: 1500,
  ...more,
});
const silent = (address: string): WirePing =>
  answered(address, '', { received: 0, lossPercent: 100, rttMs: null, mac: null, packetBytes: null });

interface Fault {
  /** Frames of the first do not arrive at the second. */
  lost?: (from: number, to: number) => boolean;
  /** The same on the other network. */
  otherLost?: (from: number, to: number) => boolean;
  ping?: (from: number, to: number) => Partial<WirePing>;
  gatewayMac?: (from: number) => string | null;
}

/** What each of `count` hosts would find with this fault. */
function found(count: number, fault: Fault = {}): Map<string, WirePart> {
  const numbers = Array.from({ length: count }, (_, at) => at + 1);
  const isLost = (from: number, to: number): boolean => fault.lost?.(from, to) === true;
  const partOf = (own: number): WireTaskResult => {
    const others = numbers.filter((one) => one !== own);
    const pings = others.map((one) =>
      isLost(own, one) || isLost(one, own)
        ? silent(ip(one))
        : answered(ip(one), mac(one), fault.ping?.(own, one) ?? {}),
    );
    const gatewayMac = fault.gatewayMac === undefined ? '02:00:00:00:00:01' : fault.gatewayMac(own);
    return {
      mtu: 1500,
      taken: [],
      heard: others.filter((one) => !isLost(one, own)).map(mac),
      pings: [gatewayMac === null ? silent(gateway) : answered(gateway, gatewayMac), ...pings],
      referenceHeard: others.filter((one) => fault.otherLost?.(one, own) !== true).map(otherMac),
    };
  };
  return new Map(numbers.map((own) => [`h${own}`, partOf(own)]));
}

test('hosts that reach each other are all right', () => {
  const result = wireResult(planOf(3), found(3));
  expect(result).toMatchObject({ ok: true, verdicts: [], sampled: false });
  expect(result.message).toBe('3 hosts reach each other on mac_net20, with packets of 1500 bytes');
  expect(result.pairs).toHaveLength(6);
});

const between =
  (a: number, b: number) =>
  (from: number, to: number): boolean =>
    (from === a && to === b) || (from === b && to === a);

describe('the fault is named', () => {
  test.each<[string, number, Fault, WireVerdictCode, RegExp]>([
    [
      'a VLAN that one of two ports lacks',
      2,
      { lost: () => true },
      'vlan-missing',
      /^VLAN 20 does not pass between docker01 and docker02, VLAN 10 does: one of the switch ports of docker01, docker02 lacks VLAN 20$/,
    ],
    [
      'a VLAN that the port of one of three lacks',
      3,
      { lost: (from, to) => from === 3 || to === 3 },
      'vlan-missing',
      /between docker03 and docker01, docker02, VLAN 10 does: the switch port of docker03 lacks VLAN 20$/,
    ],
    [
      'no path at all',
      2,
      { lost: () => true, otherLost: () => true },
      'no-path',
      /^nothing passes between docker01 and docker02 on mac_net20, in either direction$/,
    ],
    ['one direction of two hosts', 2, { lost: (from) => from === 1 }, 'one-way', /docker01 hears docker02$/],
    [
      'a hypervisor that drops what a host sends',
      3,
      { lost: (from) => from === 2 },
      'frames-not-sent',
      /^nobody hears the probe of docker02 on mac_net20, and it hears docker01, docker03/,
    ],
    [
      'a hypervisor that delivers nothing to a host',
      3,
      { lost: (_, to) => to === 2 },
      'frames-not-received',
      /^the probe of docker02 hears nobody/,
    ],
    [
      'echo requests that are not answered',
      2,
      { ping: () => ({ received: 0, lossPercent: 100, rttMs: null, packetBytes: null }) },
      'not-answered',
      /not answered$/,
    ],
    ['loss', 2, { ping: () => ({ received: 4, lossPercent: 20 }) }, 'packets-lost', /up to 20 %$/],
    [
      'a small MTU on the path',
      2,
      { ping: () => ({ packetBytes: 1450 }) },
      'packets-cut',
      /at most 1450 bytes do$/,
    ],
    ['one path of three', 3, { lost: between(1, 2) }, 'vlan-missing', /between docker01 and docker02,/],
    ['a silent gateway', 2, { gatewayMac: () => null }, 'gateway-silent', /answers no host/],
    [
      'a gateway that answers one host',
      2,
      { gatewayMac: (from) => (from === 1 ? null : '02:00:00:00:00:01') },
      'gateway-partly-silent',
      /answers docker02 and not docker01$/,
    ],
    [
      'two gateways',
      2,
      { gatewayMac: (from) => `02:00:00:00:00:0${from}` },
      'gateway-two-macs',
      /02:00:00:00:00:01, 02:00:00:00:00:02: two machines/,
    ],
  ])('%s', (_, count, fault, code, message) => {
    const result = wireResult(planOf(count), found(count, fault));
    expect(result.ok).toBe(false);
    expect(result.verdicts.map((one) => one.code)).toEqual([code]);
    expect(result.message).toMatch(message);
    expect(result.verdicts[0]?.remedy).not.toBe('');
  });
});

test('a host that is silent, failed, or has a station on its address is named', () => {
  const plan = planOf(3, { left: [{ host: 'docker09', why: 'it has not been heard since it joined' }] });
  const parts = found(3);
  parts.set('h2', { failed: 'this host has no interface ens33.20' });
  parts.set('h3', {
    ...(parts.get('h3') as WireTaskResult),
    taken: [{ ip: ip(3), mac: '02:00:00:00:00:09' }],
  });
  // Whoever has the address answers the others, or not: that says nothing of the wire.
  const one = parts.get('h1') as WireTaskResult;
  const pings = one.pings.map((ping) => (ping.address === ip(3) ? silent(ip(3)) : ping));
  parts.set('h1', { ...one, pings });
  const { ok, verdicts, hosts } = wireResult(plan, parts);
  expect(ok).toBe(false);
  expect(verdicts.map(({ code, hosts: of }) => [code, of])).toEqual([
    ['address-taken', ['docker03']],
    ['not-tried', ['docker02']],
    ['not-tried', ['docker09']],
  ]);
  expect(hosts.map(({ host, error }) => [host, error === null])).toEqual([
    ['docker01', true],
    ['docker02', false],
    ['docker03', true],
    ['docker09', false],
  ]);
});

test('a host without a listener condemns nobody that answers', () => {
  const parts = new Map(
    [...found(2)].map(([id, part]) => [id, { ...(part as WireTaskResult), heard: null }] as const),
  );
  expect(wireResult(planOf(2), parts)).toMatchObject({ ok: true, verdicts: [] });
});

test('of many hosts each tries as many as it is tried by, within the bounds of its task', () => {
  for (const count of [1, 2, 17, 18, 100, 1000]) {
    const tried = Array.from({ length: count }, (_, index) => triedBy(index, count));
    const times = new Map<number, number>();
    for (const at of tried.flat()) times.set(at, (times.get(at) ?? 0) + 1);
    expect(new Set(tried.map(({ length }) => length))).toEqual(new Set([Math.min(triesOfEach, count - 1)]));
    expect([...times.values()].every((one) => one === Math.min(triesOfEach, count - 1))).toBe(true);
  }
  const task = wireTask(planOf(9), 0, () => true);
  expect(task.targets).toEqual([gateway, ...[2, 3, 4, 5, 6, 7, 8, 9].map(ip)]);
  expect(task.listenFor).toHaveLength(8);
});
