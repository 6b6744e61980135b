import { contextPath, readContexts } from '../contexts/context-file.ts';
import { withServer } from '../contexts/open-server.ts';
import type { CommandShape } from '../completion/command-shape.ts';
import { complete } from '../completion/complete.ts';
import { filesMark } from '../completion/scripts.ts';
import type { KindName } from '../kinds/kind-table.ts';
import type { Ending } from '../lib/exit-codes.ts';
import type { Io } from '../lib/io.ts';

/** How long a shell waits for names, in milliseconds; without them it offers none. */
const patienceMs = 2000;
/** As many names as a person looks through. */
const maxNames = 500;

/** Writes what may stand in place of the last word, one on a line. A shell shows nothing of a failure. */
export async function completeWords(
  io: Io,
  program: CommandShape,
  words: readonly string[],
): Promise<Ending> {
  const { words: known, ask, files } = complete(program, words);
  if (files === true) {
    io.write(`${filesMark}\n`);
    return 'ok';
  }
  const typed = words.at(-1) ?? '';
  const names = ask === undefined ? [] : await namesOf(io, ask).catch(() => []);
  const candidates = [...known, ...names.filter((name) => name.startsWith(typed) && isOneWord(name))];
  io.write(candidates.map((word) => `${word}\n`).join(''));
  return 'ok';
}

/** What a shell can take without quotes, and a terminal without harm. */
const isOneWord = (name: string): boolean => /^[\w.:@/+-]+$/.test(name);

async function namesOf(io: Io, ask: KindName | 'context'): Promise<string[]> {
  if (ask === 'context') return Object.keys((await readContexts(contextPath(io.env))).contexts);
  const { kindOf } = await import('../kinds/index.ts');
  const { list, nameOf } = kindOf(ask);
  return withServer(io, {}, async ({ client }) => {
    const names: string[] = [];
    const giveUp = setTimeout(() => void client.close(), patienceMs);
    try {
      for await (const item of list(client, {})) {
        names.push(nameOf(item));
        if (names.length === maxNames) break;
      }
    } finally {
      clearTimeout(giveUp);
    }
    return names;
  });
}
