import type { ApiClient } from '@trunkline/client';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { asDocument } from '../documents/kinds.ts';
import { dataText, type Output } from '../format/listing.ts';
import { plain } from '../format/plain.ts';
import { tableLines } from '../format/table.ts';
import { kindOf } from '../kinds/index.ts';
import { filterNames, type Filters } from '../kinds/kind-table.ts';
import type { Kind } from '../kinds/kind.ts';
import { collect } from '../lib/collect.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

export type GetFlags = ServerFlags & Filters & { readonly output: Output };

/** Shows items of a kind: all that the filters let through, or those that are named. */
export async function get(io: Io, word: string, names: readonly string[], flags: GetFlags): Promise<Ending> {
  const kind = kindOf(word);
  const filters = filtersFor(kind, names, flags);
  const items = await withServer(io, flags, ({ client }) => read(client, kind, names, filters));
  show(io, kind, items, flags.output, names.length === 1);
  return 'ok';
}

async function read(
  client: ApiClient,
  { find, list, plural }: Kind,
  names: readonly string[],
  filters: Filters,
): Promise<readonly object[]> {
  if (names.length === 0) return collect(list(client, filters));
  if (find === undefined) throw misuse(`${plural} have no names: list them, with filters`);
  const items: object[] = [];
  for (const name of names) items.push(await find(client, name));
  return items;
}

function filtersFor(kind: Kind, names: readonly string[], flags: GetFlags): Filters {
  const given = filterNames.filter((name) => flags[name] !== undefined);
  const unknown = given.find((name) => !kind.filters.includes(name));
  if (unknown !== undefined) {
    const known = kind.filters.map((name) => `--${name}`).join(', ');
    throw misuse(
      `${kind.plural} cannot be limited with --${unknown}: ${known === '' ? 'there is no filter for them' : `there are ${known}`}`,
    );
  }
  if (names.length > 0 && given.length > 0)
    throw misuse(`--${given[0] ?? ''} is for lists: leave it out where ${kind.plural} are named`);
  return Object.fromEntries(given.map((name) => [name, flags[name]]));
}

/** Writes items of one kind. */
function show(io: Io, kind: Kind, items: readonly object[], output: Output, isOne: boolean): void {
  if (output === 'json' || output === 'yaml') {
    const documents = items.map((item) => asDocument(kind.name, item));
    io.write(dataText(documents, output, isOne));
  } else if (output === 'name') {
    io.write(items.map((item) => `${kind.name}/${plain(kind.nameOf(item))}\n`).join(''));
  } else if (items.length === 0) {
    io.note(`there are no ${kind.plural}`);
  } else {
    io.write(`${rowsOf(io, kind, items, output === 'wide').join('\n')}\n`);
  }
}

/** Items as lines of a table. */
export function rowsOf(io: Io, { columns }: Kind, items: readonly object[], isWide: boolean): string[] {
  const now = io.now();
  const shown = columns.filter(({ wide }) => isWide || wide === undefined);
  return tableLines(
    shown.map(({ heading }) => heading),
    items.map((item) => shown.map(({ cell }) => cell(item, now))),
    io.paint,
  );
}
