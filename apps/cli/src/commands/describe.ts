import type { ApiClient } from '@trunkline/client';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { yamlText } from '../format/data-text.ts';
import { plain } from '../format/plain.ts';
import { tableLines } from '../format/table.ts';
import { conditionHeadings, conditionRow } from '../kinds/conditions.ts';
import { events } from '../kinds/events.ts';
import { kindOf } from '../kinds/index.ts';
import type { Kind } from '../kinds/kind.ts';
import { logOf, recentEvents } from '../kinds/recent-events.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';
import { rowsOf } from './get.ts';

const shownEvents = 10;

/** Shows one item with all that is known of it: its fields, its conditions, what belongs to it, and what happened to it. */
export async function describe(io: Io, word: string, name: string, flags: ServerFlags): Promise<Ending> {
  const kind = kindOf(word);
  const { find } = kind;
  if (find === undefined)
    throw misuse(`${kind.plural} have no names: \`trunkline get ${kind.plural}\` lists them`);
  const sections = await withServer(io, flags, async ({ client }) => {
    const item = await find(client, name);
    return [
      [`${kind.name} ${plain(kind.nameOf(item))}`],
      yamlText(withoutConditions(item)).trimEnd().split('\n'),
      conditionLines(io, kind, item),
      ...(await relatedLines(io, client, kind, item)),
      await eventLines(io, client, kind, item),
    ];
  });
  const shown = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  io.write(`${shown.join('\n\n')}\n`);
  return 'ok';
}

function conditionLines(io: Io, { conditionsOf }: Kind, item: object): string[] {
  const conditions = conditionsOf?.(item) ?? [];
  if (conditions.length === 0) return [];
  const now = io.now();
  return tableLines(
    conditionHeadings,
    conditions.map((one) => conditionRow(one, now)),
    io.paint,
  );
}

async function relatedLines(io: Io, client: ApiClient, { related }: Kind, item: object): Promise<string[][]> {
  const all = (await related?.(client, item)) ?? [];
  return all.map(({ title, kind, items }) => [
    io.paint('heading', title),
    ...(items.length === 0 ? ['none'] : rowsOf(io, kind, items, false)),
  ]);
}

async function eventLines(io: Io, client: ApiClient, { eventsOf }: Kind, item: object): Promise<string[]> {
  if (eventsOf === undefined) return [];
  const { filters, matches } = eventsOf(item);
  const { events: last } = await recentEvents(logOf(client, filters), shownEvents, matches);
  return [
    io.paint('heading', 'Last events'),
    ...(last.length === 0 ? ['none'] : rowsOf(io, events, last, false)),
  ];
}

/** The fields of an item; its conditions have a table of their own. */
function withoutConditions(item: object): object {
  return Object.fromEntries(
    Object.entries(item)
      .filter(([key]) => key !== 'conditions')
      .map(([key, value]: [string, unknown]) => [
        key,
        key === 'status' && typeof value === 'object' && value !== null ? withoutConditions(value) : value,
      ]),
  );
}
