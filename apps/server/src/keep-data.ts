import { backUp, restore } from '@trunkline/embedded-postgres';
import type { Logger } from 'pino';
import { ConfigError, type ServerConfig } from './config.ts';

/** `backup` and `restore` of the command line. Answers what to tell whoever asked. Fails with ConfigError or what the package fails with. */
export async function keepData(
  asked: { readonly do: 'backup' | 'restore'; readonly file: string },
  { databaseUrl, dataDir }: Pick<ServerConfig, 'databaseUrl' | 'dataDir'>,
  log: Logger,
): Promise<string> {
  if (databaseUrl !== undefined)
    throw new ConfigError(
      `${asked.do} is for the PostgreSQL that the server runs itself; yours is in DATABASE_URL: use pg_dump and pg_restore (docs/operations.md)`,
    );
  const { file } = asked;
  if (asked.do === 'backup') {
    const made = await backUp({ dataDir, file, log });
    return `${made.file} has the data directory ${dataDir}${made.running ? ', as the running server had it at the end' : ''}. It holds secrets: keep it as safe as that.`;
  }
  const { before } = await restore({ dataDir, file, log });
  const kept = before === null ? '' : ` What was there is in ${before}.`;
  return `${dataDir} is restored.${kept} Start the server: it gives out no address before each host has reported what it holds (GET /v1/recovery).`;
}
