import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { commandEnvironment, run } from '../hosts/commands.ts';

/** For ip(8) `-batch`: links in a namespace without a name, gone with the one process that is in it. */
const PROBE = `link add name trunk0 type bridge
link add link trunk0 name trunk0.2 type vlan id 2
`;

async function probe(): Promise<boolean> {
  const child = spawn('unshare', ['--net', '--', 'ip', '-batch', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: commandEnvironment({ LC_ALL: 'C' }),
  });
  // An ip that gives up at the first line does not read the second.
  child.stdin.on('error', () => undefined);
  child.stdin.end(PROBE);
  const [stderr, [code]] = (await Promise.all([text(child.stderr), once(child, 'close')])) as [
    string,
    [number],
  ];
  if (code === 0) return true;
  if (/Unknown device type|not supported/i.test(stderr)) return false;
  throw new Error(`cannot find out whether this kernel has VLANs: ${stderr.trim()}`);
}

/**
 * Whether this kernel can make a VLAN link: it makes one, in a network namespace of its own, and asks for the
 * module 8021q when that fails. Needs root, iproute2 and util-linux; throws when it cannot tell.
 */
export async function kernelHasVlan(): Promise<boolean> {
  if (await probe()) return true;
  // Where there is no modprobe no module could be loaded either.
  await run(['modprobe', '8021q']).catch(() => undefined);
  return await probe();
}
