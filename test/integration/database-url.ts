/** The migrated database that tests get clones of. */
export const templateDatabase = 'migrated_template';

/** The same server, another database. */
export function urlOfDatabase(connectionString: string, database: string): string {
  const url = new URL(connectionString);
  url.pathname = `/${database}`;
  return url.href;
}
