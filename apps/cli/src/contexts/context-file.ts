import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { misuse } from '../lib/failure.ts';
import { bookText, emptyBook, parseBook, type ContextBook } from './context-book.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where contexts are kept: in the folder of the XDG Base Directory Specification. */
export function contextPath(env: Environment, home: string = homedir()): string {
  const asked = env['XDG_CONFIG_HOME'] ?? '';
  // "All paths set in these environment variables must be absolute. If an implementation encounters a relative path … it should
  // consider the path invalid and ignore it."
  return join(isAbsolute(asked) ? asked : join(home, '.config'), 'trunkline', 'contexts.json');
}

/** Reads the contexts; none where there is no file. Fails where others may read the tokens in it. */
export async function readContexts(path: string): Promise<ContextBook> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw misuse(`others may read the tokens in ${path}: run \`chmod 600 ${path}\` and replace the tokens`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return emptyBook;
    throw asSentence(error, path);
  }
  return parseBook(text, path);
}

/** Writes them whole or not at all, readable by this user alone. */
export async function writeContexts(path: string, book: ContextBook): Promise<void> {
  try {
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    // What a link leads to is replaced, not the link.
    const target = await realpath(path).catch(() => path);
    const draft = `${target}.${randomBytes(6).toString('hex')}`;
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(bookText(book));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  } catch (error) {
    throw asSentence(error, path);
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

function asSentence(error: unknown, path: string): unknown {
  if (error instanceof Error && 'code' in error) return misuse(`${path} cannot be used: ${error.message}`);
  return error;
}
