import { createHash } from 'node:crypto';
import type { RecordedMigration } from './plan.ts';

/**
 * What development builds recorded before all tables came from one migration: 17 migrations, which together make the same
 * tables as `init` (docs/decisions/0038-one-init-migration.md).
 */
export const oldChain = {
  /** The migration that stands for all of them. */
  init: '20261129190000_init',
  last: '20261129170000_revoked_subnets',
  /** SHA-256 over the lines "<name> <checksum>" in the order of the names. */
  digest: '93f6508a689bd2c609647c0fe9532435f42660506ea9f9c1724b771b8e89d823',
} as const;

/** Whether a database has exactly the old chain, so that its tables are those of `init`. */
export function isOldChain(recorded: readonly RecordedMigration[]): boolean {
  if (recorded.at(-1)?.name !== oldChain.last || !recorded.every(({ finished }) => finished)) return false;
  const lines = recorded.map(({ name, checksum }) => `${name} ${checksum}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex') === oldChain.digest;
}
