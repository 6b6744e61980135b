import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';
import { Prisma } from './database/database.ts';
import { invalidFields } from './errors.ts';

/** What lists of things with a name and labels are filtered by, as a request has it. */
export interface NamedQuery {
  q?: string;
  label?: string;
}

/** Labels that all have to be there: `rack=a3,room=1`. The schema has seen that it is so. */
export const labelsOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split(',').map((term) => [term.slice(0, term.indexOf('=')), term.slice(term.indexOf('=') + 1)]),
  );

/** A text of which LIKE takes every character as itself (PostgreSQL, Pattern Matching). */
export const likeText = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');

/** The filters for Prisma. */
export function namedWhere({ q, label }: NamedQuery): {
  AND: (
    { name: { contains: string; mode: 'insensitive' } } | { labels: { path: string[]; equals: string } }
  )[];
} {
  return {
    AND: [
      ...(q === undefined ? [] : [{ name: { contains: likeText(q), mode: 'insensitive' as const } }]),
      ...Object.entries(label === undefined ? {} : labelsOf(label)).map(([key, value]) => ({
        labels: { path: [key], equals: value },
      })),
    ],
  };
}

/** The filters for SQL, of a table that is called so; each as a condition. */
export const namedSql = (table: string, { q, label }: NamedQuery): Prisma.Sql[] => [
  ...(q === undefined ? [] : [Prisma.sql`position(lower(${q}) IN lower(${Prisma.raw(table)}.name)) > 0`]),
  ...(label === undefined
    ? []
    : [Prisma.sql`${Prisma.raw(table)}.labels @> ${JSON.stringify(labelsOf(label))}::jsonb`]),
];

/** An address of a query, in canonical form; throws where it is none. */
export function addressOf(text: string): string {
  const ip = tryParseIp(text);
  if (ip === undefined) throw invalidFields([{ pointer: 'query:address', message: 'is not an IP address' }]);
  return formatIp(ip);
}

export const macOf = parseMac;
