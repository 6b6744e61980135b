import { createHash } from 'node:crypto';

/** Texts that are named; ours are fewer, so one that comes after so many is made up at run time. */
const maxNamed = 500;
/** How Prisma names a table in what it writes itself; whoever writes SQL by hand leaves the schema out. */
const byPrisma = '"public".';
const planned = /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b/;

/**
 * Names for prepared statements: what has one is parsed and planned once for each connection. What is written by hand gets
 * one, since its texts are fixed. What Prisma writes gets none (the empty name, which is the protocol's unnamed statement):
 * it has as many texts as its lists have lengths, and every named statement stays in the memory of its connection.
 */
export function createStatementNames(most = maxNamed): (sql: string) => string {
  const names = new Map<string, string>();
  return (sql) => {
    const known = names.get(sql);
    if (known !== undefined) return known;
    if (names.size >= most || sql.includes(byPrisma) || !planned.test(sql)) return '';
    const name = createHash('sha256').update(sql).digest('base64url').slice(0, 22);
    names.set(sql, name);
    return name;
  };
}

/** The name of a statement, whichever way it goes to the database. */
export const statementName = createStatementNames();
