import { describe, expect, it } from 'vitest';
import { MigrationRefused } from './errors.ts';
import { pendingMigrations } from './plan.ts';
import type { Migration, RecordedMigration } from './plan.ts';

const known: Migration[] = ['1_init', '2_more', '3_last'].map((name) => ({
  name,
  sql: '',
  checksum: `sum of ${name}`,
}));

function recorded(name: string, over: Partial<RecordedMigration> = {}): RecordedMigration {
  return { name, checksum: `sum of ${name}`, finished: true, ...over };
}

describe('the migrations to apply', () => {
  it.each([
    [[], ['1_init', '2_more', '3_last']],
    [['1_init'], ['2_more', '3_last']],
    [['1_init', '3_last'], ['2_more']],
    [['1_init', '2_more', '3_last'], []],
  ])('to a database with %j are %j', (names, pending) => {
    expect(
      pendingMigrations(
        known,
        names.map((name) => recorded(name)),
      ).map(({ name }) => name),
    ).toEqual(pending);
  });

  it.each([
    [
      'older',
      recorded('0_before'),
      'An early development build made this database (0_before): start it once with',
    ],
    ['newer', recorded('4_later'), 'newer server: this build does not know 4_later'],
    ['changed', recorded('2_more', { checksum: 'other' }), 'applied to this database with another content'],
    ['unfinished', recorded('2_more', { finished: false }), 'did not finish'],
  ])('are refused when the database is %s', (kind, row, words) => {
    expect(() => pendingMigrations(known, [recorded('1_init'), row])).toThrow(MigrationRefused);
    expect(() => pendingMigrations(known, [recorded('1_init'), row])).toThrow(
      expect.objectContaining({ kind, migrations: [row.name], message: expect.stringContaining(words) }),
    );
  });
});
