import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { containerdKept } from './docker-words.ts';
import type { Edges } from './perform-edges.ts';
import type { KernelView } from './kernel-view.ts';
import { secondNetwork } from './spare-links.ts';
import {
  isAtEdge,
  isOnContainer,
  type ContainerOperation,
  type HostOperation,
  type Operation,
  type ServerOperation,
} from './operation.ts';
import { createTurns, thingsOf } from './turns.ts';

/** How an operation went. */
export interface Outcome {
  /** `moot`: there was nothing to do it to, such as a container that was never made. `fault`: an answer that no API may give. */
  readonly word: 'ok' | 'refused' | 'moot' | 'hung' | 'fault';
  /** Docker's error; empty when it succeeded. */
  readonly detail: string;
  readonly tookMs: number;
}

/** With a driver that is gone Docker tries for 15 s at each of its calls (facts.md); a hang takes for ever. */
const dockerBoundMs = 90_000;
const readyMs = 60_000;
const killedCode = 137;
const image = ['busybox', 'sleep', '1000000'];

const mootWords =
  /No such container|is not running|is not connected|already exists in network|endpoint with name .* already exists|cannot connect to the Docker daemon|removal of container .* is already in progress|host \S+ is not running|marked for removal/i;

/** Docker's arguments of an operation on a container. */
function dockerArguments(
  operation: Exclude<ContainerOperation, { do: 'crash' }>,
  network: string,
): readonly string[] {
  const ip = 'ip' in operation && operation.ip !== null ? ['--ip', operation.ip] : [];
  switch (operation.do) {
    case 'run': {
      // sleep as process 1 ends on no SIGTERM.
      const how = ['--stop-signal', 'KILL', '--restart', operation.restart];
      const mac = operation.mac === null ? [] : ['--mac-address', operation.mac];
      const on = operation.network === 'first' ? network : secondNetwork;
      const what = operation.starts ? image : ['busybox', 'nosuchprogram'];
      return ['run', '-d', '--name', operation.container, ...how, '--network', on, ...ip, ...mac, ...what];
    }
    case 'stop':
    case 'start':
    case 'restart':
      return [operation.do, operation.container];
    case 'rm':
      return ['rm', '-f', operation.container];
    case 'disconnect':
      return ['network', 'disconnect', network, operation.container];
    case 'connect':
      return ['network', 'connect', ...ip, network, operation.container];
  }
}

/** Does operations to a fleet. An operation that fails is an outcome; only a harness that is broken throws. */
export function createPerformer(
  fleet: Fleet,
  network: string,
  view: KernelView,
  idOf: (container: string) => string | undefined,
  edges: Edges,
): (operation: Operation) => Promise<Outcome> {
  const { lab } = fleet;
  const inTurn = createTurns();

  async function callDocker(host: string, argv: readonly string[]): Promise<Omit<Outcome, 'tookMs'>> {
    const timeoutMs = patient(dockerBoundMs);
    const began = performance.now();
    try {
      const { code, stderr, stdout } = await lab.host(host).exec(['docker', ...argv], { timeoutMs });
      if (code === 0) return { word: 'ok', detail: '' };
      if (performance.now() - began >= timeoutMs)
        return { word: 'hung', detail: `no answer within ${String(timeoutMs / 1000)} s` };
      if (code === killedCode) return { word: 'moot', detail: 'docker was killed: its host went off' };
      const detail = (stderr || stdout).trim().replaceAll(/\s+/g, ' ').slice(0, 600);
      return { word: mootWords.test(detail) || containerdKept.test(detail) ? 'moot' : 'refused', detail };
    } catch (error) {
      // The host is off, or went off.
      return { word: 'moot', detail: error instanceof Error ? error.message : String(error) };
    }
  }

  function crash(container: string): Omit<Outcome, 'tookMs'> {
    const id = idOf(container);
    const one = view.containers().find((live) => live.container === id);
    if (one === undefined) return { word: 'moot', detail: 'it does not live' };
    try {
      process.kill(one.pid, 'SIGKILL');
      return { word: 'ok', detail: '' };
    } catch {
      return { word: 'moot', detail: 'it ended by itself' };
    }
  }

  const serverReady = async (): Promise<void> => {
    await waitFor(
      'the server being ready',
      async () =>
        await fleet.client.health.ready().then(
          () => true,
          async () => {
            // As systemd would when it ended.
            await fleet.startServer();
            return false;
          },
        ),
      readyMs,
      100,
    );
  };

  async function onFleet(operation: HostOperation | ServerOperation): Promise<void> {
    switch (operation.do) {
      case 'kill server':
        return await fleet.killServer();
      case 'start server':
        return await fleet.startServer();
      case 'kill database':
        // None runs while the server is down for long.
        await fleet.killDatabase().catch(() => undefined);
        return await serverReady();
      case 'kill agent':
        return await fleet.killAgent(operation.host);
      case 'start agent':
        return await fleet.startAgent(operation.host);
      case 'restart agent':
        await fleet.stopAgent(operation.host);
        return await fleet.startAgent(operation.host);
      case 'kill dockerd':
        return await lab.killDockerd(operation.host);
      case 'start dockerd':
        return await lab.startDockerd(operation.host);
      case 'restart dockerd':
        await lab.stopDockerd(operation.host);
        return await lab.startDockerd(operation.host);
      case 'cut':
        return await lab.cut(operation.host);
      case 'mend':
        return await lab.mend(operation.host);
      case 'reboot':
        return await edges.reboot(operation.host);
    }
  }

  return async (operation) => {
    const began = performance.now();
    const outcome = async (): Promise<Omit<Outcome, 'tookMs'>> => {
      if (isAtEdge(operation)) return await edges.take(operation);
      if (!isOnContainer(operation)) {
        await onFleet(operation);
        return { word: 'ok', detail: '' };
      }
      if (operation.do === 'crash') return crash(operation.container);
      return await callDocker(operation.host, dockerArguments(operation, network));
    };
    const result = await inTurn(thingsOf(operation), outcome);
    return { ...result, tookMs: performance.now() - began };
  };
}
