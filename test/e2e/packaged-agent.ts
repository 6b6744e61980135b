import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { agentFiles } from '../../scripts/package/agent.ts';
import { architectureHere } from '../../scripts/package/node-binary.ts';
import { writeTree } from '../../scripts/package/tree.ts';

/** The agent as its package brings it, in a folder that is removed at the end. */
export interface PackagedAgent extends AsyncDisposable {
  readonly command: readonly string[];
}

/** Makes the files of the package from this checkout. */
export async function packagedAgent(progress: (text: string) => void): Promise<PackagedAgent> {
  progress('bundling the agent');
  const root = path.resolve(import.meta.dirname, '../..');
  const files = await agentFiles({ root, version: '0.1.0', architecture: architectureHere });
  const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-packaged-'));
  await writeTree(folder, files);
  await forgetPages(path.join(folder, 'usr/lib/trunkline-agent/node'));
  return {
    command: [path.join(folder, 'usr/sbin/trunkline-agent')],
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

const run = promisify(execFile);

/**
 * Drops what the kernel remembers of a file, so that it is read from the disk as after a boot. Pages of a file that was just
 * written lie in large folios, and each access then counts more of them as memory of the program: 14 MiB for Node.
 */
async function forgetPages(file: string): Promise<void> {
  await run('sync', [file]);
  await run('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}
