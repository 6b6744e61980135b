import { oldChain } from './old-chain.ts';

/**
 * Why the database was left as it is: `older` (an early development build made it), `changed` (an applied migration is not the one of this build), `newer` (the
 * database has migrations that this build does not know), `unfinished` (another tool began one and did not end it),
 * `failed` (PostgreSQL refused one; it was rolled back).
 */
export type MigrationRefusal = 'older' | 'changed' | 'newer' | 'unfinished' | 'failed';

/** The database does not fit this build of the server. The message states what to do. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
  readonly kind: MigrationRefusal;
  /** The names of the migrations it is about. */
  readonly migrations: readonly string[];

  constructor(kind: MigrationRefusal, migrations: readonly string[], cause?: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    super(`${explanations[kind](migrations.join(', '))}${reason}`, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.migrations = migrations;
  }
}

const explanations: Readonly<Record<MigrationRefusal, (names: string) => string>> = {
  older: (names) =>
    `An early development build made this database (${names}): start it once with the last build that has the migration ` +
    `${oldChain.last}, then with this one, or use an empty database`,
  changed: (names) =>
    `The migration ${names} was applied to this database with another content. Run the build that made the ` +
    'database; a migration is never edited once it was applied, a correction is a new one',
  newer: (names) =>
    `The database was made by a newer server: this build does not know ${names}. Run that server's version or a ` +
    'later one, or restore a backup from before the upgrade',
  unfinished: (names) =>
    `Another tool began the migration ${names} and did not finish it. See "prisma migrate resolve", or restore a backup`,
  failed: (names) => `The migration ${names} failed and was rolled back; those before it are applied`,
};
