/**
 * Another release of the Docker Engine from the distribution's own newer suites: downloaded and unpacked into a cache,
 * never installed. Nothing of the machine's apt is changed: sources, lists and archives are private ones.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newestOf, parseIndexTargets, suitesOf, type AptSuite, type AptTarget } from './apt-suites.ts';
import { mustRun, run } from './commands.ts';
import { aptGet, ensureInstalled, findCommand, type Log } from './install.ts';
import { withMachineLock } from './machine-lock.ts';
import { messageOf } from '@trunkline/log';

/** Kept between runs, one folder a major version; remove one to get the distribution's newest of that version. */
export const ENGINE_CACHE = '/var/cache/trunkline-engines';

/** Client included from Debian 13 on in a package of its own. */
const PACKAGES = ['docker.io', 'docker-cli', 'containerd', 'runc', 'libc6'];
/** Of all that the packages bring. */
const PROGRAMS = /^(dockerd|docker|containerd|containerd-shim-runc-v2|runc|ctr|docker-proxy)$/;
/** Tried before they are kept; the shim and the proxy know no `--version` that ends with 0. */
const TRIED = ['dockerd', 'docker', 'containerd', 'runc'];

/** What proves a suite's lists, by its publisher; apt's own trust where the machine lacks the file. */
const KEYRINGS: Readonly<Record<string, string>> = {
  Debian: '/usr/share/keyrings/debian-archive-keyring.gpg',
  Ubuntu: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
};
/** Lists are 10 MB and packages 70 MB; a slow line takes minutes. */
const DOWNLOAD_DEADLINE_MS = 900_000;

/** apt on folders of its own; the machine's own settings (proxies, credentials) stay in force. */
function privateApt(root: string): readonly string[] {
  const options = {
    'Dir::State': path.join(root, 'state'),
    'Dir::State::status': path.join(root, 'status'),
    'Dir::Cache': path.join(root, 'cache'),
    'Dir::Etc::SourceList': path.join(root, 'engine.sources'),
    'Dir::Etc::SourceParts': path.join(root, 'none'),
    'Dir::Etc::Preferences': path.join(root, 'none'),
    'Dir::Etc::PreferencesParts': path.join(root, 'none'),
    // A machine's clock may be ahead of a suite's last publication. Signatures are checked all the same.
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Languages': 'none',
    'Acquire::http::Timeout': '30',
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function layPrivateApt(root: string, from: AptSuite): Promise<readonly string[]> {
  await rm(root, { recursive: true, force: true });
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'none']) {
    await mkdir(path.join(root, folder), { recursive: true });
  }
  await writeFile(path.join(root, 'status'), '');
  const keyring = KEYRINGS[from.origin];
  const signedBy = keyring !== undefined && existsSync(keyring) ? `Signed-By: ${keyring}\n` : '';
  const components = from.components.join(' ');
  const source = `Types: deb\nURIs: ${from.mirror}\nSuites: ${from.suite}\nComponents: ${components}\n${signedBy}`;
  await writeFile(path.join(root, 'engine.sources'), source);
  return privateApt(root);
}

async function readTargets(): Promise<readonly AptTarget[]> {
  return parseIndexTargets(await mustRun(run, ['apt-get', 'indextargets', 'Created-By: Packages']));
}

/** What the machine's own apt reads from. */
async function ownTargets(log: Log): Promise<readonly AptTarget[]> {
  const targets = await readTargets();
  // Who publishes a source stands in its lists, which a fresh machine does not have.
  if (targets.some(({ origin }) => origin !== '')) return targets;
  await aptGet(['update'], log);
  return await readTargets();
}

/** Unpacks the newest packages of that major version in a suite into `work`/files; false when it has none. */
async function downloadFrom(suite: AptSuite, major: number, work: string, log: Log): Promise<boolean> {
  const options = await layPrivateApt(path.join(work, 'apt'), suite);
  await aptGet([...options, 'update'], () => undefined);
  const table = await mustRun(run, ['apt-cache', ...options, 'madison', ...PACKAGES]);
  const version = newestOf(table, 'docker.io', major);
  if (version === null) return false;
  const wanted = PACKAGES.flatMap((name) => {
    const newest = name.startsWith('docker') ? newestOf(table, name, major) : newestOf(table, name);
    return newest === null ? [] : [`${name}=${newest}`];
  });
  log(`downloading Docker Engine ${version} of ${suite.suite} (about 70 MB, not installed)`);
  const archives = path.join(work, 'archives');
  await mkdir(archives, { recursive: true });
  await aptGet([...options, 'download', ...wanted], () => undefined, archives);
  for (const archive of await readdir(archives)) {
    await mustRun(run, ['dpkg-deb', '--extract', path.join(archives, archive), path.join(work, 'files')]);
  }
  return true;
}

/** The files of a folder and all its folders whose name is `wanted`. */
async function find(folder: string, wanted: RegExp): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Those of the programs that do not run, with what they printed. */
async function broken(bin: string): Promise<readonly { readonly name: string; readonly printed: string }[]> {
  const tried = await Promise.all(
    TRIED.map(async (name) => {
      const { code, stderr } = await run([path.join(bin, name), '--version'], { timeoutMs: 30_000 });
      return { name, code, printed: stderr.trim() };
    }),
  );
  return tried.filter(({ code }) => code !== 0);
}

/**
 * Puts the packages' own C library into `lib` and names it in the programs, which need a newer one than this machine's.
 * runc runs itself again, so neither a script in front of it nor `ld.so PROGRAM` would do.
 */
async function giveLibraries(
  files: string,
  lib: string,
  programs: readonly string[],
  log: Log,
): Promise<void> {
  await mkdir(lib);
  const libraries = await find(files, /^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv))\.so\.\d+$/);
  for (const library of libraries) await copyFile(library, path.join(lib, path.basename(library)));
  const loader = libraries.map((library) => path.basename(library)).find((name) => name.startsWith('ld-'));
  if (loader === undefined) throw new Error('the package libc6 brought no ld-linux.so');
  await ensureInstalled(log, { patchelf: 'patchelf' });
  const to = ['--set-interpreter', path.join(lib, loader), '--force-rpath', '--set-rpath', lib];
  for (const program of programs) await mustRun(run, ['patchelf', ...to, program]);
}

/** Lays the unpacked Engine into `folder`, where it has to stay. Throws when a program does not run on this machine. */
async function lay(files: string, folder: string, log: Log): Promise<void> {
  const bin = path.join(folder, 'bin');
  await rm(folder, { recursive: true, force: true });
  await mkdir(bin, { recursive: true });
  for (const file of await find(files, PROGRAMS)) {
    if (/\/s?bin$/.test(path.dirname(file))) await copyFile(file, path.join(bin, path.basename(file)));
  }
  const tooNew = await broken(bin);
  if (tooNew.length === 0) return;
  const programs = tooNew.map(({ name }) => path.join(bin, name));
  await giveLibraries(files, path.join(folder, 'lib'), programs, log);
  const [first] = await broken(bin);
  if (first !== undefined)
    throw new Error(`its ${first.name} does not run on this machine: ${first.printed}`);
}

/** Written last. */
const versionFile = (folder: string): string => path.join(folder, 'version');

async function download(major: number, folder: string, log: Log): Promise<void> {
  const suites = suitesOf(await ownTargets(log));
  if (suites.length === 0) throw new Error('this machine reads packages of neither Debian nor Ubuntu');
  const work = `${folder}.new`;
  const failures: string[] = [];
  try {
    for (const suite of suites) {
      await rm(work, { recursive: true, force: true });
      try {
        if (!(await downloadFrom(suite, major, work, log))) continue;
        await lay(path.join(work, 'files'), folder, log);
        await writeFile(
          versionFile(folder),
          await mustRun(run, [path.join(folder, 'bin/dockerd'), '--version']),
        );
        return;
      } catch (error) {
        failures.push(`${suite.suite}: ${messageOf(error)}`);
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const looked = suites.map(({ suite }) => suite).join(', ');
  throw new Error([`no docker.io ${String(major)} in ${looked}`, ...failures].join('\n'));
}

/**
 * Sees to it that Docker Engine `major` (its newest release that the distribution has) is in the cache, and returns the
 * folder that has it. Two at once wait for each other. Throws with why it cannot be had on this machine.
 */
export async function prepareEngine(major: number, log: Log, cache = ENGINE_CACHE): Promise<string> {
  const folder = path.join(cache, String(major));
  const isThere = (): boolean => existsSync(versionFile(folder));
  if (isThere()) return folder;
  try {
    if (process.getuid?.() !== 0) throw new Error('run it as root (sudo)');
    if (findCommand('apt-get') === undefined) throw new Error('this machine has no apt-get');
    await withMachineLock(
      cache,
      async () => {
        if (!isThere()) await download(major, folder, log);
      },
      DOWNLOAD_DEADLINE_MS,
    );
  } catch (error) {
    const why = messageOf(error);
    throw new Error(
      `Docker Engine ${String(major)} cannot be had from the distribution: ${why}\nUnpack a release by hand and name its folder (--engine FOLDER)`,
      { cause: error },
    );
  }
  return folder;
}
