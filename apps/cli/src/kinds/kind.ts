import type { ApiClient } from '@trunkline/client';
import type { Condition, Event } from '@trunkline/contracts';
import { age } from '../format/age.ts';
import type { Cell } from '../format/table.ts';
import { kindTable, type Filters, type KindName, type KindWords } from './kind-table.ts';

/** One column of a table. */
export interface Column<T> {
  readonly heading: string;
  /** Only with `-o wide`. */
  readonly wide?: true;
  readonly cell: (item: T, now: Date) => Cell;
}

/** What belongs to one item, for `describe`. */
export interface Related {
  readonly title: string;
  readonly kind: Kind;
  readonly items: readonly object[];
}

/** Which events are about one item. */
export interface EventsOf {
  readonly filters: Filters;
  readonly matches?: (event: Event) => boolean;
}

/** How the items of a kind are read, named and shown. */
export interface KindOf<T extends object> {
  /** Every item, page after page. */
  readonly list: (client: ApiClient, filters: Filters) => AsyncIterable<T>;
  /** One item by its name; left out: items have no names of their own. */
  readonly find?: (client: ApiClient, name: string) => Promise<T>;
  readonly nameOf: (item: T) => string;
  readonly columns: readonly Column<T>[];
  readonly conditionsOf?: (item: T) => readonly Condition[];
  readonly related?: (client: ApiClient, item: T) => Promise<readonly Related[]>;
  readonly eventsOf?: (item: T) => EventsOf;
}

/** A kind whose items' type is not known any more: commands treat all kinds alike. */
export type Kind = KindWords & KindOf<object> & { readonly name: KindName };

/** A kind with its words; the type of its items is forgotten. */
export const kind = <T extends object>(name: KindName, one: KindOf<T>): Kind =>
  ({ name, ...kindTable[name], ...one }) as unknown as Kind;

/** `True` as yes, anything else with its reason. */
export function readyCell(conditions: readonly Condition[]): Cell {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined) return { text: 'unknown', tone: 'doubt' };
  if (ready.status === 'True') return { text: 'yes', tone: 'good' };
  return ready.status === 'False'
    ? { text: `no (${ready.reason})`, tone: 'bad' }
    : { text: `unknown (${ready.reason})`, tone: 'doubt' };
}

/** What is in the way, in words; nothing where it is ready. */
export function readyMessage(conditions: readonly Condition[]): string {
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? '' : ready.message;
}

/** Labels as `key=value`, sorted. */
export const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.keys(labels)
    .toSorted()
    .map((key) => `${key}=${labels[key] ?? ''}`)
    .join(',');

export const yesNo = (value: boolean): Cell =>
  value ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'bad' };

export const ageColumn = <T>(heading: string, of: (item: T) => string | null, wide?: true): Column<T> => ({
  heading,
  ...(wide === undefined ? {} : { wide }),
  cell: (item, now) => age(of(item), now),
});

/** Page size of lists that are read to their end. */
export const wholePages = { limit: 1000 } as const;
