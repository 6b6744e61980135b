export { backUp, type BackedUp, type BackUpOptions } from './backup/back-up.ts';
export { restore, type Restored, type RestoreOptions } from './backup/restore.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './start.ts';
export { DataDirectoryInUse, EmbeddedPostgresFailed, type EmbeddedPostgresFailure } from './errors.ts';
export type { ConnectionTarget, PostmasterExit } from './postmaster.ts';
export type { Log } from './log.ts';
