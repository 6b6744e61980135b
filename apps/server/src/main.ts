import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { ConfigError, readConfig } from './config.ts';
import { DataDirectoryInUse, EmbeddedPostgresFailed } from './platform/embedded-postgres/index.ts';
import { startServer } from './server.ts';

/** What an operator can mend is told in a sentence; anything else is a bug and keeps its stack. */
const forPeople = [ConfigError, DataDirectoryInUse, EmbeddedPostgresFailed];

async function main(): Promise<void> {
  const config = readConfig(process.env, process.getuid?.() === 0);
  const log = pino({
    level: config.logLevel,
    redact: ['req.headers.authorization', 'headers.authorization'],
  });
  const server = await startServer(config, log, packageJson.version);
  log.info(
    { url: server.url, docs: `${server.url}/docs`, dataDir: config.dataDir },
    'trunkline server is ready',
  );
  closeWithGrace({ delay: 25_000, logger: false }, async ({ signal, err }) => {
    if (err !== undefined) log.fatal({ err }, 'trunkline server failed');
    else log.info({ signal }, 'trunkline server is stopping');
    await server.stop();
    log.info({}, 'trunkline server has stopped');
  });
}

try {
  await main();
} catch (error) {
  if (!forPeople.some((kind) => error instanceof kind)) throw error;
  process.stderr.write(`trunkline server: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
