export { applyMigrations } from './apply-migrations.ts';
export { MigrationRefused } from './errors.ts';
