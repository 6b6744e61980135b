import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../../../../../test/integration/database.ts';
import { applyMigrations } from './index.ts';

const log = { info() {} };
const build = new URL('../../../../../prisma/migrations/', import.meta.url);

/** The migrations of this build before one of them. */
async function migrationsBefore(name: string): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const one of await readdir(build))
    if (one < name) await cp(join(fileURLToPath(build), one), join(folder, one), { recursive: true });
  return pathToFileURL(folder);
}

test('an older database loses nothing but facts that no longer say enough, and its kept answers can be sent again', async () => {
  const { connectionString, drop } = await createTestDatabase({ migrated: false });
  const pool = new Pool({ connectionString });
  onTestFinished(async () => {
    await pool.end();
    await drop();
  });
  await applyMigrations(pool, await migrationsBefore('20261125000000_host_preparation'), log);
  await pool.query(`
    INSERT INTO network (id, name, host_selector) VALUES (gen_random_uuid(), 'mac_net1', '{"all": true}');
    INSERT INTO host (id, name, public_key, facts) VALUES
      (gen_random_uuid(), 'docker01', '\\x01', '{"hostname": "docker01"}'), (gen_random_uuid(), 'docker02', '\\x02', NULL);
    INSERT INTO api_token (id, name, role, secret_hash) VALUES (gen_random_uuid(), 'ci', 'operator', '\\x01');
    INSERT INTO idempotency_key (token_id, key, fingerprint, status, headers, body)
    SELECT id, key, '\\x01', 201, jsonb_build_object('location', location), body::jsonb FROM api_token,
      (VALUES ('network', '/v1/networks/mac_net1', '{"hosts": {}, "subnets": [], "generation": 1}'),
              ('address', '/v1/networks/mac_net1/addresses/10.0.0.1', '{"ip": "10.0.0.1"}'),
              ('container', '/v1/containers/box1', '{"name": "box1"}')) AS kept (key, location, body)`);

  expect(await applyMigrations(pool, build, log)).toContain('20261125000000_host_preparation');

  const networks = await pool.query('SELECT name, mtu, forwarding, restart_broken FROM network');
  expect(networks.rows).toEqual([{ name: 'mac_net1', mtu: null, forwarding: false, restart_broken: false }]);
  const hosts = await pool.query('SELECT name, facts FROM host ORDER BY name');
  expect(hosts.rows).toEqual([
    { name: 'docker01', facts: null },
    { name: 'docker02', facts: null },
  ]);
  const kept = await pool.query('SELECT key, body FROM idempotency_key ORDER BY key');
  expect(kept.rows).toEqual([
    { key: 'address', body: { ip: '10.0.0.1', dockerId: null, since: null } },
    { key: 'container', body: { name: 'box1' } },
    {
      key: 'network',
      body: {
        hosts: {},
        subnets: [],
        generation: 1,
        mtu: null,
        forwarding: false,
        restartBroken: false,
        warm: 0,
      },
    },
  ]);
});
