import { fileURLToPath } from 'node:url';
import type { CheckReport, DesiredMatrixCheck, MatrixTaskResult, TcpTry } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import type { RunCommand } from '../host/command.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { createSlots } from '../lib/slots.ts';
import type { Timing } from '../lib/timing.ts';
import { runningPid, type ConnectivityDeps } from './connectivity.ts';
import { neighbourMacs, sendPings, type Echoes } from './ping.ts';
import { dnsFailure } from './resolve.ts';
import { hostsAddresses, nameservers } from './resolver-files.ts';
import { connectMs, type InsideAnswer, type InsideQuestion } from './tcp.ts';

/** What a connectivity matrix works with. */
export interface MatrixDeps extends ConnectivityDeps {
  readonly timing: Pick<Timing, 'now'>;
}

/** Runs the part of this host of a connectivity matrix. Answers a report in any case; fails only when `signal` aborts. */
export type MatrixCheck = (check: DesiredMatrixCheck, signal: AbortSignal) => Promise<CheckReport>;

const insideScript = fileURLToPath(new URL('try-inside.ts', import.meta.url));

/** Programs at a time on this host, whatever checks run: pings wait more than they work, and each `node` is some 50 MB. */
const pingsAtOnce = 32;
const nodesAtOnce = 2;
const looksAtOnce = 8;
/** What is begun in time may take so much longer, in milliseconds: names of servers that do not answer, and the start of Node. */
const graceMs = connectMs + 5000;
/** Bounds of the contract. */
const maxAddresses = 64;
const maxText = 256;

const timeUp = 'the time of the check was up before this was tried';

type Try = MatrixTaskResult['tries'][number];
type Name = MatrixTaskResult['resolved'][number];
type Asked<T> = T & { readonly index: number };

/** One place that is tried from, with its part of the task. */
interface Source {
  readonly container: string | null;
  readonly tries: readonly Asked<DesiredMatrixCheck['tries'][number]>[];
  readonly names: readonly Asked<DesiredMatrixCheck['names'][number]>[];
}

/** What one source found, by the places of the task. */
interface Found {
  readonly tries: readonly (readonly [index: number, Try])[];
  readonly names: readonly (readonly [index: number, Name])[];
}

export function createMatrixCheck(deps: MatrixDeps): MatrixCheck {
  const slots = {
    ping: createSlots(pingsAtOnce),
    node: createSlots(nodesAtOnce),
    look: createSlots(looksAtOnce),
  };
  return async (check, signal) => {
    const until = deps.timing.now() + check.seconds * 1000;
    const work = { ...deps, slots, signal, until, count: check.count };
    const found = await Promise.all(sourcesOf(check).map((source) => trySource(source, work)));
    const tries = new Map(found.flatMap((one) => one.tries));
    const names = new Map(found.flatMap((one) => one.names));
    return {
      state: 'done',
      error: null,
      result: {
        tries: check.tries.map(({ address }, index) => tries.get(index) ?? notTried(address, timeUp)),
        resolved: check.names.map((_, index) => names.get(index) ?? notLookedUp(timeUp)),
      },
    };
  };
}

interface Work extends MatrixDeps {
  readonly slots: Readonly<Record<'ping' | 'node' | 'look', ReturnType<typeof createSlots>>>;
  readonly signal: AbortSignal;
  readonly until: number;
  readonly count: number;
}

/** The task by where it is tried from. What names no source of the task is left out, and so not tried. */
function sourcesOf({ sources, tries, names }: DesiredMatrixCheck): Source[] {
  return sources.map((container, place) => ({
    container,
    tries: tries.flatMap((one, index) => (one.from === place ? [{ ...one, index }] : [])),
    names: names.flatMap((one, index) => (one.from === place ? [{ ...one, index }] : [])),
  }));
}

async function trySource(source: Source, work: Work): Promise<Found> {
  const pid = await pidOf(source, work);
  if (typeof pid === 'string') return failed(source, pid);
  const run = pid === null ? work.run : inContainerNetwork(work.run, pid);
  const [inside, echoes] = await Promise.all([
    tryInside(source, pid, run, work),
    Promise.all(source.tries.map(({ address }) => pingInTime(address, run, work))),
  ]);
  const macs = await work.slots.ping(() => neighbourMacs(run, work.signal));
  const tries = source.tries.map(({ index, address, port }, place): [number, Try] => {
    const [ping, tcp] = [echoes[place] ?? null, inside.ports.get(index) ?? null];
    const tried = ping !== null && (port === null || tcp !== null);
    if (!tried) return [index, notTried(address, port === null ? timeUp : (inside.error ?? timeUp))];
    const error = ping.error?.slice(0, maxText) ?? null;
    return [index, { ...ping, mac: macs.get(address) ?? null, tcp, tried, error }];
  });
  // A process id may be another's by now: what was silent may have been tried from nowhere.
  if (tries.some(([, { received }]) => received === 0) && pid !== (await pidOf(source, work)))
    return failed(source, `container ${source.container ?? ''} stopped or was restarted meanwhile`);
  return { tries, names: inside.names };
}

/** Process id of the container, null for the host itself, or a sentence why there is none. */
async function pidOf(
  { container, tries, names }: Source,
  { slots, docker, signal }: Work,
): Promise<number | null | string> {
  if (container === null || tries.length + names.length === 0) return null;
  return await slots.look(async () => {
    signal.throwIfAborted();
    return await runningPid(container, docker);
  });
}

function failed({ tries, names }: Source, why: string): Found {
  return {
    tries: tries.map(({ index, address }) => [index, notTried(address, why)]),
    names: names.map(({ index }) => [index, notLookedUp(why)]),
  };
}

const notTried = (address: string, why: string): Try => ({
  address,
  sent: 0,
  received: 0,
  lossPercent: 100,
  rttMs: null,
  mac: null,
  error: why.slice(0, maxText),
  tcp: null,
  tried: false,
});

/** Null where the time is up. */
async function pingInTime(address: string, run: RunCommand, work: Work): Promise<Echoes | null> {
  return await work.slots.ping(async () => {
    work.signal.throwIfAborted();
    return work.timing.now() < work.until ? await sendPings(address, work.count, run, work.signal) : null;
  });
}

/** Names and ports: all of one source by one program in its network. */
async function tryInside(
  source: Source,
  pid: number | null,
  run: RunCommand,
  work: Work,
): Promise<{
  readonly names: Found['names'];
  readonly ports: ReadonlyMap<number, TcpTry | null>;
  /** Why the program could not be run; null: it ran, or there was nothing to do. */
  readonly error: string | null;
}> {
  const { readContainerFile } = work;
  // A host's own files are not those of containers: names are for containers alone.
  const read = (path: string): Promise<string> =>
    pid === null || source.names.length === 0 ? Promise.resolve('') : readContainerFile(pid, path);
  const [hosts, conf] = await Promise.all([read('/etc/hosts'), read('/etc/resolv.conf')]);
  const servers = nameservers(conf);
  const inFile = source.names.map((one) => ({ ...one, addresses: hostsAddresses(hosts, one.name) }));
  const known = inFile
    .filter(({ addresses }) => addresses.length > 0)
    .map(({ index, addresses }): [number, Name] => [index, nameOf(addresses, null)]);
  const unknown = inFile.filter(({ addresses }) => addresses.length === 0);
  const asked = servers.length === 0 ? [] : unknown;
  const ports = source.tries.flatMap(({ index, address, port }) =>
    port === null ? [] : [{ index, address, port }],
  );
  const noServer = unknown.map(({ index }): [number, Name] => [
    index,
    nameOf([], 'no name server in its /etc/resolv.conf'),
  ]);
  if (asked.length + ports.length === 0)
    return { names: [...known, ...noServer], ports: new Map(), error: null };
  const question = {
    servers,
    names: asked.map(({ name }) => name),
    ports: ports.map(({ address, port }) => ({ address, port })),
  };
  const answer = await work.slots.node(() => askInside(question, run, work));
  const failure = typeof answer === 'string' ? answer : null;
  const answers = typeof answer === 'string' ? null : answer;
  const resolved = asked.map(({ index }, place): [number, Name] => {
    const one = answers?.names[place];
    if (one === undefined || one === null) return [index, notLookedUp(failure ?? timeUp)];
    return [index, nameOf(one.addresses, one.error === null ? null : dnsFailure(one.error))];
  });
  return {
    names: [...known, ...(servers.length === 0 ? noServer : []), ...resolved],
    ports: new Map(ports.map(({ index }, place) => [index, answers?.ports[place] ?? null])),
    error: failure,
  };
}

const nameOf = (addresses: readonly string[], error: string | null): Name => ({
  addresses: addresses.slice(0, maxAddresses),
  error: error?.slice(0, maxText) ?? null,
  tried: true,
});
const notLookedUp = (why: string): Name => ({ addresses: [], error: why.slice(0, maxText), tried: false });

/** What the program inside says, or why it says nothing. */
async function askInside(
  question: Omit<InsideQuestion, 'leftMs'>,
  run: RunCommand,
  { nodePath, timing, until, signal }: Work,
): Promise<InsideAnswer | string> {
  const leftMs = until - timing.now();
  if (leftMs <= 0) return timeUp;
  try {
    const { stdout } = await run(nodePath, [insideScript], {
      input: JSON.stringify({ ...question, leftMs } satisfies InsideQuestion),
      timeoutMs: leftMs + graceMs,
      signal,
    });
    return JSON.parse(stdout) as InsideAnswer;
  } catch (error) {
    signal.throwIfAborted();
    return shortMessageOf(error);
  }
}
