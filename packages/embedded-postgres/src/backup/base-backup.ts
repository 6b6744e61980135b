import { chown, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { openClient } from '../client.ts';
import { EmbeddedPostgresFailed } from '../errors.ts';
import { messageOf } from '../message-of.ts';

/**
 * What PostgreSQL recreates at its start, or what must not be copied. The write-ahead log is added at the end (PostgreSQL, Making a Base
 * Backup Using the Low Level API, https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP-DATA).
 */
const leftOut = [
  'pg_wal/*',
  'pg_replslot/*',
  'pg_dynshmem/*',
  'pg_notify/*',
  'pg_serial/*',
  'pg_snapshots/*',
  'pg_stat_tmp/*',
  'pg_subtrans/*',
  'pgsql_tmp*',
  'postmaster.pid',
  'postmaster.opts',
  'backup_label*',
  'tablespace_map*',
];

/** The name of a segment of PostgreSQL's log. */
const segmentName = /^[0-9A-F]{24}$/;

export interface BaseBackup {
  /** Patterns of what is not to be copied, relative to the cluster. */
  readonly leftOut: readonly string[];
  /**
   * Ends the backup. Lays into `folder` what has to be added to the copy, as it is to stand in the cluster: the label that makes the next start
   * recover, and the log from the beginning of the backup to its end.
   */
  finish(folder: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Begins a backup of the PostgreSQL that runs on a cluster, which goes on serving: from now on its files may be copied in any order. The session holds
 * its log back, so that none of what is needed is removed meanwhile. Ends with the session, whatever ends that.
 */
export async function beginBaseBackup(cluster: string): Promise<BaseBackup> {
  const client = openClient(await connectionOf(cluster));
  try {
    await client.connect();
    await client.query('SET statement_timeout = 0');
    // Temporary and reserved at once: log from here on stays until this session ends.
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [
      `trunkline_backup_${process.pid}`,
    ]);
    await client.query("SELECT pg_backup_start('trunkline', true)");
  } catch (error) {
    await client.end().catch(() => {});
    throw new EmbeddedPostgresFailed(
      'backup',
      `The PostgreSQL on ${cluster} cannot be backed up: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return {
    leftOut,
    finish: (folder) => finish(client, cluster, folder),
    close: () => client.end().catch(() => {}),
  };
}

async function finish(client: pg.Client, cluster: string, folder: string): Promise<void> {
  const { rows } = await client.query<{ label: string; last: string }>(
    'SELECT labelfile AS label, pg_walfile_name(lsn) AS last FROM pg_backup_stop(false)',
  );
  const [{ label, last } = { label: '', last: '' }] = rows;
  const [, first] = /^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$/m.exec(label) ?? [];
  if (first === undefined)
    throw new EmbeddedPostgresFailed('backup', 'PostgreSQL gave no label for the backup.', { output: label });
  const { uid, gid } = await stat(cluster);
  const isRoot = process.getuid?.() === 0;
  const give = async (file: string): Promise<void> => {
    if (isRoot) await chown(file, uid, gid);
  };
  await writeFile(join(folder, 'backup_label'), label, { mode: 0o600 });
  await give(join(folder, 'backup_label'));
  await mkdir(join(folder, 'pg_wal'), { mode: 0o700 });
  await give(join(folder, 'pg_wal'));
  const segments = (await readdir(join(cluster, 'pg_wal'))).filter(
    (name) => segmentName.test(name) && name >= first && name <= last,
  );
  for (const name of segments) {
    await copyFile(join(cluster, 'pg_wal', name), join(folder, 'pg_wal', name));
    await give(join(folder, 'pg_wal', name));
  }
}

/** Where the PostgreSQL of a cluster listens, as it wrote it down itself: port and folder of its socket are lines 4 and 5. */
async function connectionOf(cluster: string): Promise<pg.ClientConfig> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const [, , , port = '', host = ''] = text.split('\n');
  if (!/^\d+$/.test(port) || !host.startsWith('/'))
    throw new EmbeddedPostgresFailed(
      'backup',
      `The server of ${cluster} is starting or stopping: try again in a moment.`,
    );
  return { host, port: Number(port), user: 'trunkline', database: 'trunkline' };
}
