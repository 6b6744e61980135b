/**
 * `node packages/lab/src/vm/where-vlan.ts CMD [ARG...]`: runs a command here when this kernel has VLANs, in the VM otherwise.
 * Exit code and output are the command's either way.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { exitCodeOfSignal } from '../hosts/commands.ts';
import { ensureInstalled } from '../hosts/install.ts';
import { kernelHasVlan } from './kernel-has-vlan.ts';
import { logProgress, vmCommand } from './vm-command.ts';
import { messageOf } from '@trunkline/log';

async function runHere(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit' });
  // Ctrl-C reaches the child by itself; this process has to stay for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? (ended === null ? 1 : exitCodeOfSignal(ended));
}

async function main(argv: readonly string[]): Promise<number> {
  const [file, ...args] = argv;
  if (file === undefined) {
    process.stderr.write('usage: node packages/lab/src/vm/where-vlan.ts CMD [ARG...]\n');
    return 2;
  }
  await ensureInstalled(logProgress);
  if (await kernelHasVlan()) return await runHere(file, args);
  logProgress('this kernel has no 8021q');
  return await vmCommand(argv);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  logProgress(messageOf(error));
  process.exitCode = 1;
}
