export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './start.ts';
export { DataDirectoryInUse, EmbeddedPostgresFailed, type EmbeddedPostgresFailure } from './errors.ts';
export type { ConnectionTarget, PostmasterExit } from './postmaster.ts';
export type { Log } from './log.ts';
