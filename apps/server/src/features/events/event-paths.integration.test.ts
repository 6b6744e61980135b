import { Pool } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { addressPath, hostPath, networkPath } from '@trunkline/contracts';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';

test('events that SQL records name their subject by the path that the API has for it', async () => {
  const { connectionString, drop } = await createTestDatabase();
  const pool = new Pool({ connectionString });
  onTestFinished(async () => {
    await pool.end();
    await drop();
  });
  // Every character that a name may have.
  const names = ['mac_net1', 'Az09_.-', '9..'];
  const addresses = ['172.16.100.10', 'fd00::10', '::', 'fd00:1:2:3:4:5:6:7'];
  for (const name of names) {
    const { rows } = await pool.query('SELECT host_path($1) AS host, network_path($1) AS network', [name]);
    expect(rows).toEqual([{ host: hostPath(name), network: networkPath(name) }]);
    for (const ip of addresses) {
      const answer = await pool.query('SELECT address_path($1, $2::inet) AS path', [name, ip]);
      expect(answer.rows).toEqual([{ path: addressPath(name, ip) }]);
    }
  }
});
