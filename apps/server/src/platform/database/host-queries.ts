import { Prisma } from './database.ts';
import type { Query } from './query.ts';

/** What belongs to each of some hosts, by host id. */
export type PerHost<T> = ReadonlyMap<string, T[]>;

/** Things of hosts that are read together with others, in one statement: one view of the database, one round trip. */
export interface HostQuery<T> {
  /** A SELECT of three columns: the host's id, a text by which its rows are sorted, and the thing as jsonb. */
  rows(hostIds: readonly string[]): Prisma.Sql;
  /** A thing, of what is in the third column. */
  read(item: never): T;
}

type Parts = Readonly<Record<string, HostQuery<unknown>>>;

/** What was read of some parts, by their names. */
export type ReadParts<P extends Parts> = {
  readonly [K in keyof P]: PerHost<P[K] extends HostQuery<infer T> ? T : never>;
};

/** Reads parts of hosts. */
export async function readParts<P extends Parts>(
  query: Query,
  hostIds: readonly string[],
  parts: P,
): Promise<ReadParts<P>> {
  const selects = Object.entries(parts).map(
    ([name, part]) =>
      Prisma.sql`SELECT ${name}::text AS part, x.* FROM (${part.rows(hostIds)}) AS x (host_id, place, item)`,
  );
  const { text, values } = Prisma.sql`
    SELECT part, host_id AS "hostId", item FROM (${Prisma.join(selects, ' UNION ALL ')}) AS part ORDER BY place COLLATE "C"`;
  const rows = await query<{ part: string; hostId: string; item: never }>(text, values);
  const found = Object.fromEntries(Object.keys(parts).map((name) => [name, new Map<string, unknown[]>()]));
  for (const { part, hostId, item } of rows) {
    const thing = parts[part]?.read(item);
    const own = found[part]?.get(hostId);
    if (own === undefined) found[part]?.set(hostId, [thing]);
    else own.push(thing);
  }
  return found as unknown as ReadParts<P>;
}
