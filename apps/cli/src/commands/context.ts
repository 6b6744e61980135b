import { using, without } from '../contexts/context-book.ts';
import { contextPath, readContexts, writeContexts } from '../contexts/context-file.ts';
import { plain } from '../format/plain.ts';
import { tableLines } from '../format/table.ts';
import type { Ending } from '../lib/exit-codes.ts';
import type { Io } from '../lib/io.ts';

/** Shows the contexts, never their tokens. */
export async function listContexts(io: Io): Promise<Ending> {
  const { current, contexts } = await readContexts(contextPath(io.env));
  const names = Object.keys(contexts).toSorted();
  if (names.length === 0) {
    io.note('there is no context: `trunkline login URL` makes one');
    return 'ok';
  }
  const rows = names.map((name) => [
    name === current ? '*' : '',
    name,
    contexts[name]?.url ?? '',
    contexts[name]?.ca === undefined ? 'of this machine' : 'its own, beside those of this machine',
  ]);
  io.write(`${tableLines(['', 'NAME', 'URL', 'AUTHORITIES'], rows, io.paint).join('\n')}\n`);
  return 'ok';
}

export async function useContext(io: Io, name: string): Promise<Ending> {
  const path = contextPath(io.env);
  await writeContexts(path, using(await readContexts(path), name));
  io.write(`context ${plain(name)} is in use\n`);
  return 'ok';
}

/** Forgets a context with its token, which stays valid on the server. */
export async function removeContext(io: Io, name: string): Promise<Ending> {
  const path = contextPath(io.env);
  await writeContexts(path, without(await readContexts(path), name));
  io.write(`context ${plain(name)} is removed\n`);
  return 'ok';
}
