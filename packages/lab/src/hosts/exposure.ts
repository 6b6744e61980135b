import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import path from 'node:path';
import { commandEnvironment } from './commands.ts';
import { NETNS_DIRECTORY } from './machine-marks.ts';
import { MEMBER_VARIABLE, SWITCH_ADDRESS, type LabNames } from './names.ts';
import { identify, isRunning, signal, type ProcessId } from './processes.ts';
import { waitFor } from './wait.ts';

/** Where hosts reach a port of the machine. */
export interface Exposed {
  readonly address: string;
  readonly port: number;
}

const recordFile = (lab: LabNames, port: number): string =>
  path.join(lab.directory, `relay-${String(port)}.json`);

function findRelay(lab: LabNames, port: number): ProcessId | undefined {
  try {
    // Written by expose and by nobody else
    const id = JSON.parse(readFileSync(recordFile(lab, port), 'utf8')) as ProcessId;
    return isRunning(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Lets hosts reach 127.0.0.1:`targetPort` of the machine as 172.16.1.1:`port`. One small process does it:
 * its listening socket was made in the switch's namespace, its other end is in the machine's. So the
 * machine gets no interface, no route and no firewall rule, which two labs would collide on and which
 * would be left behind by a crash; a socket dies with its process. What the target sees is a connection
 * from 127.0.0.1. Exposing the same port again changes nothing. Throws when the port is taken.
 */
export async function expose(lab: LabNames, port: number, targetPort: number): Promise<Exposed> {
  const exposed = { address: SWITCH_ADDRESS, port };
  if (findRelay(lab, port) !== undefined) return exposed;
  const log = openSync(path.join(lab.directory, `relay-${String(port)}.log`), 'a');
  const netns = path.join(NETNS_DIRECTORY, lab.switchNetns);
  const argv = [
    path.join(import.meta.dirname, 'relay-main.ts'),
    netns,
    SWITCH_ADDRESS,
    String(port),
    String(targetPort),
  ];
  const child = spawn(process.execPath, argv, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log, 'ipc'],
    env: commandEnvironment({ [MEMBER_VARIABLE]: `${lab.id}/relay-${String(port)}/` }),
  });
  closeSync(log);
  const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (typeof message !== 'object' || message === null || !('ready' in message)) {
    throw new Error(`cannot expose port ${String(port)} to the hosts: ${JSON.stringify(message)}`);
  }
  if (child.connected) child.disconnect();
  child.unref();
  const id = child.pid === undefined ? undefined : identify(child.pid);
  if (id === undefined) throw new Error(`the relay of port ${String(port)} ended at once`);
  await writeFile(recordFile(lab, port), JSON.stringify(id));
  return exposed;
}

/** Ends what {@link expose} began, with all its connections. Fine when the port is not exposed. */
export async function unexpose(lab: LabNames, port: number): Promise<void> {
  const relay = findRelay(lab, port);
  if (relay !== undefined) {
    signal(relay.pid, 'SIGKILL');
    await waitFor(`end of the relay of port ${String(port)}`, () => !isRunning(relay), 10_000);
  }
  await rm(recordFile(lab, port), { force: true });
}
