import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is generated from what. All paths are absolute. */
export interface Generation {
  /** The root of the repository: where `node_modules` is, and `.cache` for unfinished work. */
  readonly root: string;
  /** The Prisma schema; its generator writes into `./generated` beside it. */
  readonly schema: string;
}

/**
 * Makes the Prisma client in `generated` beside the schema, unless it is there and was made from this schema by this
 * version of Prisma. Two at once do not harm each other: each works in a folder of its own and puts the result in
 * place with a rename. Answers whether it was made.
 *
 * Fails with what Prisma said.
 */
export async function ensureGenerated({ root, schema }: Generation): Promise<boolean> {
  const output = join(dirname(schema), 'generated');
  const wanted = await fingerprint(root, schema);
  if ((await stampOf(output)) === wanted) return false;
  const cache = join(root, '.cache');
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'generate-'));
  try {
    await cp(schema, join(work, 'schema.prisma'));
    await runPrisma(root, ['generate', '--schema', join(work, 'schema.prisma')]);
    await writeFile(join(work, 'generated', stampName), wanted);
    await putInPlace(join(work, 'generated'), output, join(work, 'replaced'), wanted);
    return true;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Beside the generated files: what they were made from. */
const stampName = '.made-from';

async function fingerprint(root: string, schema: string): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await readFile(join(root, 'node_modules', 'prisma', 'package.json')));
  hash.update(await readFile(schema));
  return hash.digest('hex');
}

async function stampOf(folder: string): Promise<string | undefined> {
  return readFile(join(folder, stampName), 'utf8').catch(() => undefined);
}

async function putInPlace(made: string, output: string, replaced: string, wanted: string): Promise<void> {
  for (let attempt = 1; (await stampOf(output)) !== wanted; attempt += 1) {
    // A folder can only be renamed onto an empty one, so the old one steps aside first.
    await rename(output, `${replaced}-${attempt}`).catch(ignore('ENOENT'));
    try {
      // Once it is there it is done: whoever moves it aside puts the same in its place.
      return await rename(made, output);
    } catch (error) {
      // Another one was faster: what it put there is looked at next.
      if (attempt === 10 || !hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
  }
}

async function runPrisma(root: string, argv: readonly string[]): Promise<void> {
  const cli = join(root, 'node_modules', 'prisma', 'build', 'index.js');
  await access(cli).catch(() => {
    throw new Error('Prisma is not installed: run npm ci first');
  });
  const env = {
    ...process.env,
    // Generating needs no schema engine, but Prisma would download one from a host that closed networks do not reach.
    PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile(
    process.execPath,
    [cli, ...argv],
    { cwd: root, env, encoding: 'utf8' },
    (error, stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          new Error(`The Prisma client could not be generated:\n${stderr}${stdout}`.trim(), { cause: error }),
        );
    },
  );
  await promise;
}

function ignore(code: string): (error: unknown) => void {
  return (error) => {
    if (!hasCode(error, code)) throw error;
  };
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  try {
    await ensureGenerated({ root, schema: join(root, 'prisma', 'schema.prisma') });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
