import { MigrationRefused } from './errors.ts';

/** A migration of this build. */
export interface Migration {
  /** The folder's name; they are applied in its order. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, in hex, as Prisma stores it. */
  readonly checksum: string;
}

/** A row of `_prisma_migrations` that was not rolled back. */
export interface RecordedMigration {
  readonly name: string;
  readonly checksum: string;
  readonly finished: boolean;
}

/** The migrations still to be applied, in order. Fails with {@link MigrationRefused} when the database does not fit. */
export function pendingMigrations(
  known: readonly Migration[],
  recorded: readonly RecordedMigration[],
): Migration[] {
  const ours = new Map(known.map((migration) => [migration.name, migration]));
  const unknown = recorded.filter(({ name }) => !ours.has(name)).map(({ name }) => name);
  const older = unknown.filter((name) => name < (known[0]?.name ?? ''));
  if (older.length > 0) throw new MigrationRefused('older', older);
  if (unknown.length > 0) throw new MigrationRefused('newer', unknown);
  const unfinished = recorded.filter(({ finished }) => !finished).map(({ name }) => name);
  if (unfinished.length > 0) throw new MigrationRefused('unfinished', unfinished);
  const changed = recorded
    .filter(({ name, checksum }) => ours.get(name)?.checksum !== checksum)
    .map(({ name }) => name);
  if (changed.length > 0) throw new MigrationRefused('changed', changed);
  const applied = new Set(recorded.map(({ name }) => name));
  return known.filter(({ name }) => !applied.has(name));
}
