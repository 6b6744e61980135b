export { applyMigrations } from './apply-migrations.ts';
export { MigrationRefused, type MigrationRefusal } from './errors.ts';
