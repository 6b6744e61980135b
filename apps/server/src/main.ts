import { setMaxListeners } from 'node:events';
import { openLog } from '@trunkline/log';
import packageJson from '../package.json' with { type: 'json' };
import { readCommandLine, UsageError, type CommandLine } from './command-line.ts';
import { ConfigError, readConfig } from './config.ts';
import { DataDirectoryInUse, EmbeddedPostgresFailed } from '@trunkline/embedded-postgres';
import { keepData } from './keep-data.ts';
import { guardProcess } from './platform/process-guard.ts';
import { startServer, type RunningServer } from './server.ts';

/** What an operator can mend is reported in one sentence; anything else is a bug and keeps its stack. */
const forPeople = [ConfigError, DataDirectoryInUse, EmbeddedPostgresFailed];
/** Nothing holds the end up for longer, whatever hangs; PostgreSQL is ended by its exit listener then. */
const maxStopMs = 15_000;

async function main(asked: Exclude<CommandLine, { do: 'print' }>): Promise<number> {
  const config = readConfig(process.env, process.getuid?.() === 0);
  const log = await openLog({
    level: config.logLevel,
    redact: ['req.headers.authorization', 'headers.authorization'],
  });
  if (asked.do !== 'run') {
    process.stdout.write(`${await keepData(asked, config, log)}\n`);
    return 0;
  }
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

/** What the command line asks for; ends the process where it is not understood, or where nothing is to be done. */
function readArguments(): Exclude<CommandLine, { do: 'print' }> {
  try {
    const asked = readCommandLine(process.argv.slice(2), packageJson.version);
    if (asked.do !== 'print') return asked;
    process.stdout.write(asked.text);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`trunkline server: ${error.message}\n`);
    process.exit(2);
  }
}

const asked = readArguments();
try {
  // What hangs must not keep a stopped server: the process ends here, whatever is still open.
  process.exit(await main(asked));
} catch (error) {
  if (!forPeople.some((kind) => error instanceof kind)) throw error;
  process.stderr.write(`trunkline server: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
