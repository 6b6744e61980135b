import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { mustRun, type Run } from './commands.ts';
import { hostMembership } from './docker-host.ts';
import type { Log } from './install.ts';
import { NETNS_DIRECTORY, restoreMachine } from './machine-marks.ts';
import { hostNames, labNames, type LabNames } from './names.ts';
import { killMembers, namespaceOf, namespaceOfFile } from './processes.ts';
import { isAbandoned, listLabs, readState, type FoundLab, type LabState } from './state.ts';

function labNamespaceFiles(lab: LabNames): readonly string[] {
  try {
    return readdirSync(NETNS_DIRECTORY).filter((entry) => entry.startsWith(lab.netnsPrefix));
  } catch {
    return [];
  }
}

/**
 * Kills everything that runs in the lab: daemons, containers, relays, commands of a build under way, and
 * what was started in a host by hand.
 */
export async function killProcesses(lab: LabNames, state: LabState): Promise<void> {
  const namespaces = new Set<string>();
  for (const file of labNamespaceFiles(lab)) {
    const namespace = namespaceOfFile(path.join(NETNS_DIRECTORY, file));
    if (namespace !== undefined && namespace !== namespaceOf('self', 'net')) namespaces.add(namespace);
  }
  for (let number = 1; number <= state.hosts; number += 1) {
    for (const own of hostMembership(hostNames(lab, number)).namespaces) namespaces.add(own);
  }
  await killMembers({ member: `${lab.id}/`, cgroup: lab.cgroup, namespaces });
}

/** Mount points under a folder, innermost first. */
function mountsUnder(folder: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((field) =>
      field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .filter((mountPoint) => mountPoint === folder || mountPoint.startsWith(`${folder}/`))
    .toReversed();
}

async function removeFolder(run: Run, folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const mountPoint of mountsUnder(folder)) await mustRun(run, ['umount', mountPoint]);
  // The state goes last: while anything is left, the next `up` or `down` still finds out what it is.
  for (const entry of await readdir(folder)) {
    if (entry !== 'state.json') await rm(path.join(folder, entry), { recursive: true, force: true });
  }
  await rm(folder, { recursive: true, force: true });
}

/**
 * Removes one lab, whole or half-built, running or killed: its processes, namespaces (with their links),
 * cgroups, mounts and files. Call it under the machine's lock. Throws when something will not go; calling
 * it again goes on from there.
 */
export async function cleanLab(run: Run, root: string, found: FoundLab): Promise<void> {
  if (found.state !== undefined) {
    const lab = labNames(root, found.name, found.state.id);
    await killProcesses(lab, found.state);
    for (const netns of labNamespaceFiles(lab)) await mustRun(run, ['ip', 'netns', 'delete', netns]);
    await removeCgroup(lab.cgroup);
  }
  // Somebody may have removed this lab and made another one of its name.
  const current = await readState(root, found.name);
  if (current === undefined || current.id === found.state?.id)
    await removeFolder(run, path.join(root, found.name));
}

/** Removes the labs whose owner has died, and `also` by name; true when that one was there. */
export async function cleanLabs(run: Run, root: string, log: Log, also?: string): Promise<boolean> {
  let wasThere = false;
  for (const found of await listLabs(root)) {
    const wanted = found.name === also;
    if (!wanted && !isAbandoned(found)) continue;
    if (!wanted) log(`removing lab ${found.name}: the process that owned it is gone`);
    await cleanLab(run, root, found);
    wasThere ||= wanted;
  }
  await restoreMachine(run, root);
  return wasThere;
}
