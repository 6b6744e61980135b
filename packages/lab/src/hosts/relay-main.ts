/**
 * The process behind `lab.expose`: takes connections on the switch's address and carries them to the
 * machine's loopback. Arguments: netns file, address, port, target port. Reports to its parent over IPC
 * `{ ready: true }` or `{ error }`, then lives on alone until the lab's end.
 */
import { fork } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { serveRelay } from './relay.ts';

const [netns = '', address = '', port = '', targetPort = ''] = process.argv.slice(2);

function report(message: { ready: true } | { error: string }): void {
  if (process.connected) process.send?.(message, () => process.disconnect());
}

function giveUp(reason: string): void {
  process.exitCode = 1;
  report({ error: reason });
}

const listener = fork(path.join(import.meta.dirname, 'relay-listen.ts'), [address, port], {
  // nsenter gives way to Node in the same process, so the IPC channel reaches it.
  execPath: 'nsenter',
  execArgv: [`--net=${netns}`, '--', process.execPath],
  stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
});
listener.once('error', (error) => {
  giveUp(error.message);
});
listener.once('message', (message, handle) => {
  if (handle instanceof net.Server) {
    serveRelay(handle, { host: '127.0.0.1', port: Number(targetPort) });
    report({ ready: true });
  } else {
    giveUp(JSON.stringify(message));
  }
});
