import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import path from 'node:path';
import { commandEnvironment } from './commands.ts';
import { messageOf } from '@trunkline/log';

/** Takes one line of progress. */
export type Log = (line: string) => void;

/** Commands that the lab uses, or offers inside its hosts, and the Debian or Ubuntu package of each. */
const COMMAND_PACKAGES: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  docker: 'docker-cli',
  ip: 'iproute2',
  busybox: 'busybox-static',
  arping: 'iputils-arping',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  nsenter: 'util-linux',
  mountpoint: 'util-linux',
  mount: 'mount',
  hostname: 'hostname',
  sysctl: 'procps',
  tar: 'tar',
};

/** What agents in the lab can do without, with a condition about it: not worth failing for where it cannot be had. */
const OPTIONAL_PACKAGES: Readonly<Record<string, string>> = { nft: 'nftables' };

/** Asked by all of Debian's package scripts before they start a service (invoke-rc.d(8)). */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\n# written by the Trunkline lab for the time of one apt-get call\nexit 101\n';

/** Full path of a command on PATH or in the system's folders; undefined when it is not installed. */
export function findCommand(name: string): string | undefined {
  const folders = (commandEnvironment()['PATH'] ?? '').split(':');
  return folders
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const isThere = (command: string): boolean => findCommand(command) !== undefined;

/** Packages to install so that `has` holds for every command. Pure but for `has`. */
export function missingPackages(
  has: (command: string) => boolean,
  commands = COMMAND_PACKAGES,
): readonly string[] {
  const missing = Object.entries(commands)
    .filter(([command]) => !has(command))
    // Before Debian 13 docker.io brings the client too, and there is no docker-cli package.
    .filter(([command]) => command !== 'docker' || has('dockerd'))
    .map(([, name]) => name);
  return [...new Set(missing)];
}

/** Runs apt-get in folder `cwd`, its steps in the log. Throws with the end of its output when it fails. */
export async function aptGet(argv: readonly string[], log: Log, cwd = '/'): Promise<void> {
  log(`apt-get ${argv.join(' ')}`);
  const child = spawn('apt-get', ['-q', ...argv], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment({ DEBIAN_FRONTEND: 'noninteractive' }),
  });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      for (const line of chunk.split(/[\r\n]+/)) {
        if (line.trim() === '') continue;
        tail.push(line);
        if (/^(Get:|Unpacking|Setting up|E:|W:|Err:)/.test(line)) log(`  ${line.trim()}`);
      }
      tail.splice(0, Math.max(0, tail.length - 15));
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) {
    throw new Error(
      `\`apt-get ${argv.join(' ')}\` failed with exit code ${String(code)}:\n${tail.join('\n')}`,
    );
  }
}

/**
 * Installs without starting what is installed: the distribution's own dockerd has no part in the lab. A
 * policy that the machine has of its own is left alone, and ours is gone again in any case.
 */
async function installPackages(packages: readonly string[], log: Log): Promise<void> {
  const ours = !existsSync(POLICY_FILE) || readFileSync(POLICY_FILE, 'utf8') === POLICY_TEXT;
  if (ours) await writeFile(POLICY_FILE, POLICY_TEXT, { mode: 0o755 });
  try {
    const install = ['install', '--yes', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
    await aptGet([...install, ...packages], log);
  } finally {
    if (ours) await rm(POLICY_FILE, { force: true });
  }
}

/**
 * Sees to it that every one of `commands` (name and package; those of the lab when left out) is there, with
 * apt-get where one is missing. Throws with what to install by hand on a machine without apt-get. What it
 * installed stays.
 */
export async function ensureInstalled(log: Log, commands = COMMAND_PACKAGES): Promise<void> {
  await ensureNeeded(log, commands);
  if (commands !== COMMAND_PACKAGES) return;
  await ensureNeeded(log, OPTIONAL_PACKAGES).catch((error: unknown) => {
    log(`going on without: ${messageOf(error)}`);
  });
}

async function ensureNeeded(log: Log, commands: Readonly<Record<string, string>>): Promise<void> {
  // A killed run may have left it; it would keep every service of the machine from starting.
  if (existsSync(POLICY_FILE) && readFileSync(POLICY_FILE, 'utf8') === POLICY_TEXT) await rm(POLICY_FILE);
  let missing = missingPackages(isThere, commands);
  if (missing.length === 0) return;
  if (!isThere('apt-get')) {
    throw new Error(
      `this needs what Debian calls ${missing.join(', ')}: install it with this system's own tools`,
    );
  }
  log(`installing ${missing.join(', ')}`);
  await aptGet(['update'], log);
  await installPackages(missing, log);
  missing = missingPackages(isThere, commands);
  if (missing.length > 0) await installPackages(missing, log);
}
