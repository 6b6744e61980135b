import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, type Run } from './commands.ts';
import { engineRequest } from './engine-request.ts';
import type { HostNames, LabNames } from './names.ts';

/**
 * Packs the machine's static busybox with a link for each of its commands into a tar, as there may be no
 * registry to get the image `busybox` from. Returns the tar's path.
 */
export async function packBusybox(run: Run, lab: LabNames, busybox: string): Promise<string> {
  const rootfs = path.join(lab.directory, 'busybox');
  const tar = path.join(lab.directory, 'busybox.tar');
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'var', 'proc', 'sys', 'dev']) {
    await mkdir(path.join(rootfs, folder), { recursive: true });
  }
  await copyFile(busybox, path.join(rootfs, 'bin', 'busybox'));
  const applets = (await mustRun(run, [busybox, '--list'])).split('\n').filter((name) => name !== '');
  await Promise.all(
    applets
      .filter((name) => name !== 'busybox' && !name.includes('/'))
      .map(async (name) => {
        await symlink('busybox', path.join(rootfs, 'bin', name));
      }),
  );
  await mustRun(run, ['tar', '-C', rootfs, '--owner=0', '--group=0', '-cf', tar, '.']);
  await rm(rootfs, { recursive: true, force: true });
  return tar;
}

/** Imports the tar as `busybox:latest` with a shell as its command. Throws with Docker's answer. */
export async function importBusybox(host: HostNames, tar: string): Promise<void> {
  const query = new URLSearchParams([
    ['fromSrc', '-'],
    ['repo', 'busybox'],
    ['tag', 'latest'],
    ['changes', 'CMD ["sh"]'],
    ['changes', 'ENV PATH=/bin'],
  ]);
  const answer = await engineRequest({
    socket: host.dockerSocket,
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    bodyFile: tar,
    timeoutMs: 120_000,
  });
  if (answer.status !== 200 || answer.text.includes('"error"')) {
    throw new Error(`Docker of ${host.name} refused the busybox image: ${answer.text.trim()}`);
  }
}
