import { randomUUID } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';
import { applyMigrations } from './index.ts';
import { oldChain } from './old-chain.ts';

const log = { info() {} };
const build = new URL('../../../../../prisma/migrations/', import.meta.url);
const functions = new URL('../../../../../prisma/functions/', import.meta.url);

/** The record of the last development build before `init`. */
const recorded = `
20261124000000_init e324132cbe650775137552653746f090fba6a260367dc0861b26097223605e38
20261124000100_allocation fd26b703671968e4b8051ff146798e675774fad0afc2544df5e8a34688609b8e
20261124000200_attachment_mac dceaad3c534b43aa225b515eb30a9d499b907a32cb943246fc54f196210ba8b5
20261125000000_host_preparation 1f1500caa2a6e5ce1db453e3f45dfbdd59226f91176e0daceaf276f0c209789b
20261125100000_allocation_cost b9ba9c0a0c44fade11207fdffcf45b91896984a43c98a5406995c700d11e3653
20261126000000_leases 038d5bf0a05ae15467911ca20c8e74f08ae68ec628852a792b75657a2f7ddfd9
20261128000000_free_together 9727f8d9313667648d78a9f4e2da89eca72671c780fc2bd2726ea0538baaf030
20261128100000_hosts_own e5c3c6806d6c7b208ff6d084006bc2d11dd537c8c06158696523ff8481c10f42
20261128110000_mac_once 2ce90ce98bc1bed4e1df4f08e9cb90dbbb9d7f7c04b0c0904e08124c00a96042
20261128220000_fewer_round_trips 2102fa4cf728cc30965ce502846ec9b16b72373a9135fb69b5ebdc436be17560
20261129123000_chosen_addresses 7c620828eef87f310e1cd07303a460d8e8a267e0a83190b7a88130c0a1086cc7
20261129123500_address_conflicts 937365b1252b54963bdb94f29615f5c8fefc9510d5a688e1c6830ef376bed0e4
20261129133000_address_edges d6bfebef7617127972911c9f43269cfc2c1a1facf5ac78f0dc1331204ba29968
20261129147000_copied_agents 887d0fc745a9a2f8cfc8786890a6485a84b106c2817e21ca771b076f44e70018
20261129148000_recovery 87214dd4a2adc16fb5237885508fd011899ab3dcf56966d62702220e2445a411
20261129160000_endpoints_by_address e4322fcf011147113c79b725df7b2daaf97201d53c65fd0cb14c5d35a864a2e7
20261129170000_revoked_subnets 417e1e3ed3bc49221b555d237f4951f49a567b505b634d97bbaf60c9fb266cf8
`
  .trim()
  .split('\n')
  .map((line) => line.split(' '));

/** Migrations that came after `init`. */
const since = (await readdir(build, { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() && entry.name !== oldChain.init)
  .map(({ name }) => name)
  .toSorted();

/**
 * A database with a network, whose record is the first `count` migrations of the old chain: the tables of `init` and nothing
 * later, and functions of that time.
 */
async function databaseOfDevelopmentBuild(count: number): Promise<Pool> {
  const { connectionString, drop } = await createTestDatabase({ migrated: false });
  const pool = new Pool({ connectionString });
  // Its database goes while the connection of the migrations still closes.
  pool.on('error', () => {});
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-old-chain-'));
  onTestFinished(async () => {
    await pool.end();
    await drop();
    await rm(folder, { recursive: true, force: true });
  });
  await cp(new URL(`${oldChain.init}/`, build), join(folder, 'migrations', oldChain.init), {
    recursive: true,
  });
  await mkdir(join(folder, 'functions'));
  await writeFile(
    join(folder, 'functions', 'address-rules.sql'),
    'CREATE FUNCTION is_reserved(a address) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;',
  );
  const migrations = pathToFileURL(join(folder, 'migrations'));
  const ofThatTime = pathToFileURL(join(folder, 'functions'));
  expect(await applyMigrations(pool, migrations, log, ofThatTime)).toEqual([oldChain.init]);
  await pool.query(`
    INSERT INTO network (id, name, host_selector) VALUES (gen_random_uuid(), 'mac_net1', '{"all": true}');
    UPDATE _applied_functions SET checksum = 'of that build';
    DELETE FROM _prisma_migrations`);
  for (const [name, checksum] of recorded.slice(0, count))
    await pool.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), checksum, name],
    );
  return pool;
}

async function namesOf(pool: Pool, table: 'network' | '_prisma_migrations'): Promise<string[]> {
  const column = table === 'network' ? 'name' : 'migration_name AS name';
  const { rows } = await pool.query<{ name: string }>(`SELECT ${column} FROM ${table} ORDER BY 1`);
  return rows.map(({ name }) => name);
}

test('a database of the last development build before init is taken over with its data, once', async () => {
  const pool = await databaseOfDevelopmentBuild(recorded.length);
  const messages: string[] = [];
  const heard = { info: (_fields: object, message: string) => void messages.push(message) };

  expect(await applyMigrations(pool, build, heard, functions)).toEqual(since);
  expect(messages).toEqual([
    'database of a development build taken over',
    ...since.map(() => 'migration applied'),
    'SQL functions applied',
  ]);
  expect(await namesOf(pool, '_prisma_migrations')).toEqual([oldChain.init, ...since]);
  expect(await namesOf(pool, 'network')).toEqual(['mac_net1']);

  messages.length = 0;
  expect(await applyMigrations(pool, build, heard, functions)).toEqual([]);
  expect(messages).toEqual([]);
});

test('a database of an earlier development build is refused with what to do, and left as it is', async () => {
  const pool = await databaseOfDevelopmentBuild(recorded.length - 1);
  const before = await namesOf(pool, '_prisma_migrations');
  await expect(applyMigrations(pool, build, log, functions)).rejects.toMatchObject({
    kind: 'older',
    message: expect.stringContaining(
      'start it once with the last build that has the migration 20261129170000_revoked_subnets, then with this one',
    ),
  });
  expect(await namesOf(pool, '_prisma_migrations')).toEqual(before);
  expect(await namesOf(pool, 'network')).toEqual(['mac_net1']);
  const { rows } = await pool.query('SELECT checksum FROM _applied_functions');
  expect(rows).toEqual([{ checksum: 'of that build' }]);
});

test('a database whose old chain has another content is refused', async () => {
  const pool = await databaseOfDevelopmentBuild(recorded.length);
  await pool.query(`UPDATE _prisma_migrations SET checksum = 'other' WHERE migration_name = $1`, [
    oldChain.last,
  ]);
  await expect(applyMigrations(pool, build, log, functions)).rejects.toMatchObject({ kind: 'older' });
});
