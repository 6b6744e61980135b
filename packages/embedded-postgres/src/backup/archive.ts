import { chmod, open, rename, rm } from 'node:fs/promises';
import { EmbeddedPostgresFailed } from '../errors.ts';
import { runProgram } from '../run-program.ts';
import { syncToDisk } from '../sync-to-disk.ts';

/** A database of ten gigabytes on a slow disk. */
const maxMs = 3_600_000;
/** GNU tar ends with this where a file changed while it was read: what PostgreSQL's log mends. */
const changedWhileRead = 1;

/** A tar archive that is being written, which nobody but its owner can read. */
export interface Archive {
  /** Adds files and folders of a folder, by their names in it, without those that match one of `without` (patterns of tar). */
  add(folder: string, names: readonly string[], without?: readonly string[]): Promise<void>;
  /** Compresses it and puts it where it was to be. Until then there is nothing there. */
  finish(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/** Begins an archive that is going to be `file`, which must not be there. */
export async function beginArchive(file: string): Promise<Archive> {
  const part = `${file}.part`;
  await refuseExisting(file);
  await rm(part, { force: true });
  await (await open(part, 'wx', 0o600)).close();
  return {
    async add(folder, names, without = []) {
      const patterns = without.map((pattern) => `--exclude=${pattern}`);
      const what = ['--append', '--numeric-owner', '--anchored', '--wildcards', ...patterns];
      await tar([...what, `--file=${part}`, `--directory=${folder}`, '--', ...names], part);
    },
    async finish() {
      await run('gzip', ['--force', '--fast', part], part, [0]);
      await chmod(`${part}.gz`, 0o600);
      await syncToDisk(`${part}.gz`);
      await refuseExisting(file);
      await rename(`${part}.gz`, file);
    },
    discard: async () => {
      await rm(part, { force: true });
      await rm(`${part}.gz`, { force: true });
    },
  };
}

/** Unpacks an archive into a folder, with owners and modes where this user may set them. */
export async function unpack(file: string, folder: string): Promise<void> {
  const what = ['--extract', '--gzip', '--numeric-owner', '--preserve-permissions'];
  await run('tar', [...what, `--file=${file}`, `--directory=${folder}`], file, [0]);
}

async function tar(argv: readonly string[], file: string): Promise<void> {
  await run('tar', argv, file, [0, changedWhileRead]);
}

async function run(
  program: string,
  argv: readonly string[],
  file: string,
  good: readonly number[],
): Promise<void> {
  const { code, output } = await runProgram(program, argv, { timeoutMs: maxMs });
  if (code !== null && good.includes(code)) return;
  throw new EmbeddedPostgresFailed('backup', `${program} could not work on ${file}.`, { output });
}

async function refuseExisting(file: string): Promise<void> {
  const there = await open(file, 'r').catch(() => null);
  if (there === null) return;
  await there.close();
  throw new EmbeddedPostgresFailed('backup', `${file} is there already: name a file that is not.`);
}
