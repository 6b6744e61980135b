// What a server does with its database, as a process that tests can kill: node starter.fixture.ts <data directory>
import { startEmbeddedPostgres } from './index.ts';

const quiet = (): void => {};
const dataDir = process.argv[2] ?? '';
const postgres = await startEmbeddedPostgres({
  dataDir,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
process.stdout.write(`${postgres.connectionString}\n`);
// Runs until it is killed: PostgreSQL's pipes keep the process alive.
