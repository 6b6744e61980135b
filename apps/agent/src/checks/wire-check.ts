import type { CheckReport, DesiredWireCheck, WirePing, WireTaskResult } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import type { RunCommand } from '../host/command.ts';
import type { Link, Links } from '../host/links.ts';
import { createSlots } from '../lib/slots.ts';
import type { Timing } from '../lib/timing.ts';
import type { AddressProbe } from '../wire/address-probe.ts';
import type { Station, StationSpec } from '../wire/station.ts';
import { largestPacket } from './largest-packet.ts';
import { pingAddress } from './ping.ts';

/** What a check of the wire works with. */
export interface WireCheckDeps {
  /** Interface of this host that a network hangs on, and whether one container gets it for itself; null where the network is not here. */
  readonly placeOf: (networkId: string) => { readonly link: string; readonly isPassthru: boolean } | null;
  readonly links: Pick<Links, 'list'>;
  readonly probe: Pick<AddressProbe, 'ask'>;
  readonly open: (spec: StationSpec, signal: AbortSignal) => Promise<Station>;
  readonly timing: Pick<Timing, 'delay' | 'now'>;
}

/** Echo requests to each address that answers. */
const count = 5;
/** Addresses that are tried at once: each is a program. */
const atOnce = 12;
/** How often the others are called and listened for, in milliseconds. */
const stepMs = 500;

/**
 * Puts a probe on the network, and tries the probes of other hosts and the gateways from there. They start when they hear of it,
 * so each is waited for; and this probe stays for the same time after its own result.
 */
export async function checkWire(
  check: DesiredWireCheck,
  deps: WireCheckDeps,
  signal: AbortSignal,
): Promise<CheckReport> {
  try {
    return { state: 'done', error: null, result: await tryWire(check, deps, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { state: 'failed', result: null, error: shortMessageOf(error) };
  }
}

async function tryWire(
  check: DesiredWireCheck,
  deps: WireCheckDeps,
  signal: AbortSignal,
): Promise<WireTaskResult> {
  const { timing } = deps;
  const parent = await parentOf(check.networkId, deps);
  const asked = await Promise.all(
    check.addresses.map(async (one) => ({
      ...one,
      answer: await deps.probe.ask({ link: parent.name, ip: one.ip }, signal),
    })),
  );
  const taken = asked.flatMap(({ ip, answer }) =>
    answer.answer === 'taken' ? [{ ip, mac: answer.mac }] : [],
  );
  const addresses = asked
    .filter(({ answer }) => answer.answer !== 'taken')
    .map(({ ip, prefix }) => ({ ip, prefix }));
  const station = await deps.open({ parent, mac: check.mac, addresses }, signal);
  const beside = await openReference(check, deps, signal).catch((error: unknown) => {
    station.close();
    throw error;
  });
  try {
    const until = timing.now() + check.seconds * 1000;
    const [pings, heard, referenceHeard] = await Promise.all([
      pingAll(check.targets, station, parent.mtu, check.seconds, signal),
      listenFor(check.listenFor, station, deps, until, signal),
      beside === null ? null : listenFor(check.reference?.listenFor ?? [], beside, deps, until, signal),
    ]);
    return { mtu: parent.mtu, taken, heard, pings, referenceHeard };
  } finally {
    void linger([station, ...(beside === null ? [] : [beside])], check.seconds, timing, signal);
  }
}

/** Others may have begun later. */
async function linger(
  stations: readonly Station[],
  seconds: number,
  timing: WireCheckDeps['timing'],
  signal: AbortSignal,
): Promise<void> {
  await timing.delay(seconds * 1000, signal);
  for (const station of stations) station.close();
}

async function parentOf(networkId: string, { placeOf, links }: WireCheckDeps): Promise<Link> {
  const place = placeOf(networkId);
  if (place === null) throw new Error('the network is not on this host');
  if (place.isPassthru) throw new Error(`${place.link} belongs to the one container of a passthru network`);
  const link = (await links.list()).find(({ name }) => name === place.link);
  if (link === undefined) throw new Error(`this host has no interface ${place.link}`);
  if (!link.up) throw new Error(`interface ${link.name} is down`);
  if (!link.carrier)
    throw new Error(`interface ${link.name} has no carrier: check the cable and the switch port`);
  return link;
}

/** Null where there is none, or where it cannot be made: the network itself is tried all the same. */
async function openReference(
  { reference }: DesiredWireCheck,
  deps: WireCheckDeps,
  signal: AbortSignal,
): Promise<Station | null> {
  if (reference === null) return null;
  try {
    const parent = await parentOf(reference.networkId, deps);
    return await deps.open({ parent, mac: reference.mac, addresses: [] }, signal);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** Calls out and listens until all of them were heard, or the time is up. Null where nobody can listen. */
async function listenFor(
  macs: readonly string[],
  station: Station,
  { timing }: WireCheckDeps,
  until: number,
  signal: AbortSignal,
): Promise<string[] | null> {
  for (;;) {
    await station.callOut();
    const senders = await station.heard();
    if (senders === null) return null;
    const heard = macs.filter((mac) => senders.has(mac));
    if (heard.length === macs.length || timing.now() >= until) return heard;
    await timing.delay(stepMs, signal);
    signal.throwIfAborted();
  }
}

async function pingAll(
  targets: readonly string[],
  { run }: Station,
  mtu: number,
  seconds: number,
  signal: AbortSignal,
): Promise<WirePing[]> {
  const slot = createSlots(atOnce);
  return await Promise.all(
    targets.map((address) => slot(() => tryAddress(address, run, mtu, seconds, signal))),
  );
}

async function tryAddress(
  address: string,
  run: RunCommand,
  mtu: number,
  seconds: number,
  signal: AbortSignal,
): Promise<WirePing> {
  await awaitFirst(address, run, seconds, signal);
  const ping = await pingAddress(address, count, run, signal);
  const packetBytes = ping.received === 0 ? null : await largestPacket(address, run, mtu, signal);
  return { ...ping, packetBytes };
}

/** Until the first answer, or the time is up (ping(8), `-w` with `-c`). */
async function awaitFirst(
  address: string,
  run: RunCommand,
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const argv = ['-n', '-q', versionOf(address), '-c', '1', '-i', '0.2', '-w', String(seconds), address];
  await run('ping', argv, { timeoutMs: (seconds + 5) * 1000, acceptCodes: [0, 1, 2], signal });
}

const versionOf = (address: string): string => (address.includes(':') ? '-6' : '-4');
