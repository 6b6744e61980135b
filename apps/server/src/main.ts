import { setMaxListeners } from 'node:events';
import { openLog } from '@trunkline/log';
import packageJson from '../package.json' with { type: 'json' };
import { readCommandLine, UsageError } from './command-line.ts';
import { ConfigError, readConfig } from './config.ts';
import { DataDirectoryInUse, EmbeddedPostgresFailed } from '@trunkline/embedded-postgres';
import { guardProcess } from './platform/process-guard.ts';
import { startServer, type RunningServer } from './server.ts';

/** What an operator can mend is reported in one sentence; anything else is a bug and keeps its stack. */
const forPeople = [ConfigError, DataDirectoryInUse, EmbeddedPostgresFailed];
/** Nothing holds the end up for longer, whatever hangs; PostgreSQL is ended by its exit listener then. */
const maxStopMs = 15_000;

async function main(): Promise<number> {
  const config = readConfig(process.env, process.getuid?.() === 0);
  const log = await openLog({
    level: config.logLevel,
    redact: ['req.headers.authorization', 'headers.authorization'],
  });
  const { stop, hurry, failed } = guardProcess(process, log);
  setMaxListeners(0, stop);
  stop.addEventListener('abort', () => {
    setTimeout(() => process.exit(1), maxStopMs).unref();
  });
  let server: RunningServer;
  try {
    server = await startServer({ config, log, version: packageJson.version, signal: stop });
  } catch (error) {
    if (stop.aborted) return failed() ? 1 : 0;
    throw error;
  }
  log.info(
    { url: server.url, docs: `${server.url}/docs`, dataDir: config.dataDir },
    'trunkline server is ready',
  );
  if (!stop.aborted)
    await new Promise((resolve) => {
      stop.addEventListener('abort', resolve, { once: true });
    });
  await server.stop(hurry);
  log.info({}, 'trunkline server has stopped');
  return failed() ? 1 : 0;
}

/** What the command line asks for; ends the process where it is not understood, or where nothing is to be run. */
function readArguments(): void {
  try {
    const asked = readCommandLine(process.argv.slice(2), packageJson.version);
    if (asked.do === 'run') return;
    process.stdout.write(asked.text);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`trunkline server: ${error.message}\n`);
    process.exit(2);
  }
}

readArguments();
try {
  // What hangs must not keep a stopped server: the process ends here, whatever is still open.
  process.exit(await main());
} catch (error) {
  if (!forPeople.some((kind) => error instanceof kind)) throw error;
  process.stderr.write(`trunkline server: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
