/** Another server holds the data directory. Ending it, or another `TRUNKLINE_DATA_DIR`, helps; waiting does not. */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse';
  readonly dataDir: string;
  /** The process that holds it, or null while it is not known. As that process sees itself: in a container, its own number. */
  readonly pid: number | null;

  constructor(dataDir: string, pid: number | null) {
    const holder = pid === null ? 'another process' : `process ${pid}`;
    super(
      `The data directory ${dataDir} is in use by ${holder}. Stop that server, give this one its own data ` +
        'directory (TRUNKLINE_DATA_DIR), or let both share one database (DATABASE_URL).',
    );
    this.dataDir = dataDir;
    this.pid = pid;
  }
}

/**
 * What failed: `binaries` (none for this machine, or not usable), `user` (no system user to run PostgreSQL as),
 * `permission` (a folder that we or that user cannot use), `initdb` (making the cluster), `start` (the cluster is there
 * but PostgreSQL does not come up), `leftover` (a PostgreSQL of an earlier server does not end), `backup` (one cannot be made
 * or restored, or a restore did not finish).
 */
export type EmbeddedPostgresFailure =
  'binaries' | 'user' | 'permission' | 'initdb' | 'start' | 'leftover' | 'backup';

/** The server's own PostgreSQL cannot be used. The message states what to do; `output` is the end of what programs printed. */
export class EmbeddedPostgresFailed extends Error {
  override readonly name = 'EmbeddedPostgresFailed';
  readonly kind: EmbeddedPostgresFailure;
  readonly output: string;

  constructor(
    kind: EmbeddedPostgresFailure,
    message: string,
    about: { output?: string; cause?: unknown } = {},
  ) {
    const output = (about.output ?? '').trim();
    super(
      output === '' ? message : `${message}\n${output}`,
      about.cause === undefined ? {} : { cause: about.cause },
    );
    this.kind = kind;
    this.output = output;
  }
}

/** What to do about words in PostgreSQL's output that a person must act on; empty for others. */
export function advice(output: string): string {
  if (/No space left on device|Disk quota exceeded/.test(output))
    return ' The disk is full: make room, then start again.';
  if (/Permission denied|Operation not permitted/.test(output))
    return ' Check the owner and mode of the folder it names.';
  if (/Read-only file system/.test(output))
    return ' The file system is read-only: choose another TRUNKLINE_DATA_DIR.';
  if (/could not look up effective user ID/.test(output)) {
    return ' The user this runs as has no entry in /etc/passwd: add one, or set DATABASE_URL.';
  }
  return '';
}

/** The `code` of a system error (`ENOENT`), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
