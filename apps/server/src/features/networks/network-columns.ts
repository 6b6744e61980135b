import { Prisma } from '../../platform/database/database.ts';

/** Fields as far as their columns go. */
type Columns = Readonly<Record<string, { readonly column: string | null }>>;
type InDocument = Readonly<
  Record<string, { readonly column: string | null; readonly document: 'column' | 'made' | 'none' }>
>;

/** The column in SQL: `schema.prisma` maps every name to it in this way. */
const sqlName = (column: string): string =>
  column.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const named = (table: Columns) =>
  Object.entries(table).flatMap(([name, { column }]) => (column === null ? [] : [{ name, column }]));

/** The columns of fields of the network `n`, by the fields' names: part of a SELECT. */
export const columnsRead = (
  table: Readonly<Record<string, { readonly column: string | null }>>,
): Prisma.Sql =>
  Prisma.raw(
    named(table)
      .map(({ name, column }) => `n.${sqlName(column)} AS "${name}"`)
      .join(', '),
  );

/** What is written of a network, by Prisma's names of its columns. */
export function columnsWritten(table: Columns, spec: object): Record<string, unknown> {
  const values = spec as Readonly<Record<string, unknown>>;
  return Object.fromEntries(named(table).map(({ name, column }) => [column, values[name]]));
}

/**
 * The fields of the network `n` that agents are given, as arguments of `jsonb_build_object`. `made`: those that are not as
 * their column is.
 */
export function documentFields(table: InDocument, made: Readonly<Record<string, Prisma.Sql>>): Prisma.Sql {
  const parts = Object.entries(table).flatMap(([name, { column, document }]) => {
    const value = document === 'column' && column !== null ? Prisma.raw(`n.${sqlName(column)}`) : made[name];
    return document === 'none' || value === undefined
      ? []
      : [Prisma.sql`${Prisma.raw(`'${name}'`)}, ${value}`];
  });
  return Prisma.join(parts);
}
