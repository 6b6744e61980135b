/**
 * The distribution's kernel for the VM: its package is downloaded and unpacked into a cache, never installed.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { mustRun, run } from '../hosts/commands.ts';
import { aptGet, ensureInstalled, findCommand, type Log } from '../hosts/install.ts';
import { withMachineLock } from '../hosts/machine-lock.ts';

/** Kept between runs; remove it to get the distribution's newest kernel. */
export const CACHE_DIRECTORY = '/var/cache/trunkline-vm';

/** Depends on the newest kernel. The "cloud" one lacks 9p, by which the VM reads this machine's files. */
const META_PACKAGE = 'linux-image-amd64';

/** Commands that the VM needs on this machine, and the Debian package of each. */
const VM_COMMANDS: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  depmod: 'kmod',
  setpriv: 'util-linux',
};

/** Downloading and unpacking takes seconds; a slow line takes minutes. */
const DOWNLOAD_DEADLINE_MS = 900_000;

/** A kernel that is whole. */
export interface VmKernel {
  /** As `uname -r` prints it. */
  readonly version: string;
  readonly image: string;
  /** What /lib/modules/VERSION is in the VM, modules.dep included. */
  readonly modules: string;
}

function kernelIn(cache: string, version: string): VmKernel {
  const folder = path.join(cache, version);
  return {
    version,
    image: path.join(folder, `boot/vmlinuz-${version}`),
    modules: path.join(folder, `lib/modules/${version}`),
  };
}

/** The newest kernel of the cache; undefined when there is none. */
async function cachedKernel(cache: string): Promise<VmKernel | undefined> {
  const entries = await readdir(cache).catch(() => []);
  const versions = entries.filter((entry) => !entry.startsWith('.'));
  versions.sort(new Intl.Collator('en', { numeric: true }).compare);
  return versions
    .toReversed()
    .map((version) => kernelIn(cache, version))
    .find(({ image }) => existsSync(image));
}

async function newestPackage(): Promise<string> {
  const { stdout } = await run(['apt-cache', 'depends', '--important', META_PACKAGE]);
  const name = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (name !== undefined) return name;
  throw new Error(`the VM runs Debian's kernel, and apt knows no ${META_PACKAGE} here: use Debian on x86-64`);
}

/** Debian 13 moved /lib/modules to /usr/lib/modules, in its packages and in depmod: both names lead to the same. */
async function mergeLibraries(folder: string): Promise<void> {
  if (existsSync(path.join(folder, 'usr/lib'))) {
    await symlink('usr/lib', path.join(folder, 'lib'));
  } else {
    await mkdir(path.join(folder, 'usr'), { recursive: true });
    await symlink('../lib', path.join(folder, 'usr/lib'));
  }
}

async function unpack(draft: string, folder: string, log: Log): Promise<void> {
  const archive = (await readdir(draft)).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error('`apt-get download` brought no package');
  log(`unpacking ${archive}`);
  await mustRun(run, ['dpkg-deb', '--extract', path.join(draft, archive), folder]);
  await mergeLibraries(folder);
}

async function download(cache: string, log: Log): Promise<VmKernel> {
  if (findCommand('apt-get') === undefined)
    throw new Error("the VM runs Debian's kernel and gets it with apt-get, which this system lacks");
  await aptGet(['update'], log);
  const name = await newestPackage();
  const version = name.replace('linux-image-', '');
  // Unpacked beside and renamed when whole: whoever is killed meanwhile leaves no half kernel under its name.
  const draft = path.join(cache, '.new');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  try {
    log(`downloading ${name} (about 70 MB, not installed)`);
    await aptGet(['download', '-o', 'APT::Sandbox::User=root', name], log, draft);
    const folder = path.join(draft, version);
    await unpack(draft, folder, log);
    // An installed kernel gets its modules.dep after the installation.
    await mustRun(run, ['depmod', '--basedir', folder, version]);
    await rename(folder, path.join(cache, version));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return kernelIn(cache, version);
}

/**
 * Sees to it that all that a VM needs is there: packages (installed), a kernel (in the cache). Two at once wait for
 * each other. Throws with what is missing on a machine that is not Debian on x86-64.
 */
export async function prepareVm(log: Log, cache = CACHE_DIRECTORY): Promise<VmKernel> {
  if (process.getuid?.() !== 0)
    throw new Error('the VM reads the whole machine and installs packages: run it as root (sudo)');
  if (process.arch !== 'x64') {
    throw new Error(
      `the VM is an x86-64 one that runs this machine's own programs, which are ${process.arch}`,
    );
  }
  await ensureInstalled(log, VM_COMMANDS);
  return (
    (await cachedKernel(cache)) ??
    (await withMachineLock(
      cache,
      async () => (await cachedKernel(cache)) ?? (await download(cache, log)),
      DOWNLOAD_DEADLINE_MS,
    ))
  );
}
