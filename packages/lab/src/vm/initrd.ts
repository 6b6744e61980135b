import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { findCommand } from '../hosts/install.ts';
import { packCpio, type ArchiveFile } from './cpio.ts';
import type { VmKernel } from './kernel-package.ts';
import { moduleOrder } from './module-order.ts';

/** What it takes to reach the machine's files and to talk to the runner; all else is loaded from there. */
const MODULES = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay'];

async function program(file: string, name: string): Promise<ArchiveFile> {
  return { name, content: await readFile(file), executable: true };
}

/**
 * The VM's first root: busybox, the modules to get at the second one, and our three programs. Made again for each
 * run, which takes milliseconds and can't be out of date.
 */
export async function packInitrd(kernel: VmKernel): Promise<Buffer> {
  const busybox = findCommand('busybox');
  if (busybox === undefined) throw new Error('busybox is missing: install busybox-static');
  const [dependencies, builtin] = await Promise.all(
    ['modules.dep', 'modules.builtin'].map((name) => readFile(path.join(kernel.modules, name), 'utf8')),
  );
  const order = moduleOrder(dependencies ?? '', builtin ?? '', MODULES);
  const modules = order.map(async (file): Promise<ArchiveFile> => {
    return {
      name: `modules/${path.basename(file)}`,
      content: await readFile(path.join(kernel.modules, file)),
    };
  });
  const guest = path.join(import.meta.dirname, 'guest');
  const names = order.map((file) => `${path.basename(file)}\n`).join('');
  return packCpio([
    await program(busybox, 'bin/busybox'),
    await program(path.join(guest, 'early.sh'), 'init'),
    await program(path.join(guest, 'late.sh'), 'late.sh'),
    await program(path.join(guest, 'command.sh'), 'command.sh'),
    { name: 'modules/order', content: Buffer.from(names) },
    ...(await Promise.all(modules)),
  ]);
}
