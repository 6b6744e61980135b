import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { labNames, type LabNames } from './names.ts';
import { identify, isRunning, type ProcessId } from './processes.ts';

/** What is written down about a lab before the first thing of it is made. */
export interface LabState {
  readonly format: 1;
  readonly name: string;
  readonly id: string;
  /** The lab dies with this process; null for one that lives until `down`. */
  readonly owner: ProcessId | null;
  readonly hosts: number;
  /** Folder with the programs of its Docker Engine; null or missing for those of the `PATH`. */
  readonly engine?: string | null;
  /** The machine's boot that the lab was made in; none outlives it. */
  readonly boot: string;
}

/** A lab's folder that was found, with what could be read of it. */
export interface FoundLab {
  readonly name: string;
  /** Undefined when the folder holds no readable state: something that broke off at its very end. */
  readonly state: LabState | undefined;
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The running process as an owner. */
export function thisProcess(): ProcessId {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('cannot read /proc/self/stat: is /proc mounted?');
  return self;
}

/** Changes with each boot of the machine, random(4). */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Whether the lab's owner, or the machine since, has died without taking the lab along. */
export function isAbandoned(lab: FoundLab): boolean {
  if (lab.state === undefined || lab.state.boot !== bootId()) return true;
  return lab.state.owner !== null && !isRunning(lab.state.owner);
}

/** Reads a lab's state; undefined when there is none. */
export async function readState(root: string, name: string): Promise<LabState | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path.join(root, name, 'state.json'), 'utf8'));
    return isState(parsed) && parsed.name === name ? parsed : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR') || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

function isState(value: unknown): value is LabState {
  if (typeof value !== 'object' || value === null) return false;
  if (!('format' in value && value.format === 1)) return false;
  if (!('name' in value && typeof value.name === 'string')) return false;
  if (!('id' in value && typeof value.id === 'string' && /^[0-9a-f]{6}$/.test(value.id))) return false;
  if (!('hosts' in value && typeof value.hosts === 'number')) return false;
  if (!('boot' in value && typeof value.boot === 'string')) return false;
  if (!('owner' in value)) return false;
  const { owner } = value;
  if (owner === null) return true;
  return (
    typeof owner === 'object' &&
    'pid' in owner &&
    typeof owner.pid === 'number' &&
    'startTime' in owner &&
    typeof owner.startTime === 'string'
  );
}

/** All labs under `root`, whole and broken. */
export async function listLabs(root: string): Promise<readonly FoundLab[]> {
  let entries;
  try {
    entries = await readdir(root, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return await Promise.all(names.map(async (name) => ({ name, state: await readState(root, name) })));
}

/**
 * Makes a lab's folder with its state inside, at once (a folder without a state never bears a lab's
 * name). Throws when a lab of that name is there. Call it under the machine's lock.
 */
export async function claimLab(
  root: string,
  name: string,
  hosts: number,
  owner: ProcessId,
  engine: string | null = null,
): Promise<{ state: LabState; names: LabNames }> {
  const id = randomBytes(3).toString('hex');
  const names = labNames(root, name, id, engine);
  const state: LabState = { format: 1, name, id, owner, hosts, engine, boot: bootId() };
  const draft = path.join(root, `.new-${id}`);
  await mkdir(draft, { recursive: true, mode: 0o755 });
  await writeFile(path.join(draft, 'state.json'), `${JSON.stringify(state)}\n`);
  try {
    await rename(draft, names.directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  return { state, names };
}

/** Writes a changed state over the old one, whole or not at all. */
export async function writeState(directory: string, state: LabState): Promise<void> {
  const draft = path.join(directory, 'state.json.new');
  await writeFile(draft, `${JSON.stringify(state)}\n`);
  await rename(draft, path.join(directory, 'state.json'));
}
