import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DatabaseError, Pool, type PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '@trunkline/test/integration/database.ts';
import { readTransitions } from './address-transitions.fixture.ts';

const file = new URL('../../../../../prisma/functions/address-state.sql', import.meta.url);

const id = {
  network: randomUUID(),
  subnet: randomUUID(),
  host: randomUUID(),
  other: randomUUID(),
  box: randomUUID(),
};
const ip = '10.9.0.10';
const mac = '02:00:00:00:00:01';
const kept = `owner = 'app'`;
const ofBox = `owner = 'container:box', container_id = '${id.box}'`;
const held = `host_id = '${id.host}'`;
const seen = `container_name = 'web', docker_id = 'd1', seen_mac = '02:00:00:00:00:09', since = now()`;

/** Rows of one address that a call may meet: what they have beside the state. */
const rows: Record<string, readonly string[]> = {
  free: [''],
  reserved: [kept, ofBox, 'reservation = false'],
  leased: [held, `${held}, ${kept}, reservation = true`, `${held}, ${ofBox}`],
  bound: [
    `${held}, ${seen}`,
    `${held}, ${seen}, from_inventory = true`,
    `${held}, ${seen}, ${kept}, reservation = true`,
    `${held}, ${seen}, ${ofBox}`,
  ],
  quarantined: [
    `quarantined_until = now() + interval '1 hour'`,
    `quarantined_until = now() + interval '1 hour', previous_owner = 'app', previous_host_id = '${id.host}'`,
    `quarantined_until = now() + interval '1 hour', gone = true`,
    `quarantined_until = now() - interval '1 second'`,
    `quarantined_until = now(), awaiting_host_id = '${id.host}'`,
  ],
  conflicted: [
    `recheck_at = now(), seen_mac = '${mac}'`,
    `recheck_at = now(), seen_mac = '${mac}', ${kept}`,
    `recheck_at = now(), seen_mac = '${mac}', ${ofBox}`,
    `recheck_at = now(), seen_mac = '${mac}', labels = '{"io.trunkline.claimed-by": "docker01 docker02"}'`,
  ],
};

const ofRow = (call: string): string => `SELECT ${call} FROM address a WHERE a.ip = '${ip}'`;
const ofSubnet = (call: string): string =>
  `SELECT ${call} FROM subnet s JOIN network n ON n.id = s.network_id WHERE s.id = '${id.subnet}'`;
const noQuarantine = `UPDATE network SET quarantine_seconds = 0; `;
const reported = (container: string): string =>
  `INSERT INTO endpoint (host_id, network_id, docker_id, name, state, ipv4, mac, since)
   VALUES ('${id.host}', '${id.network}', 'd1', '${container}', 'running', '${ip}', '${mac}', now()); `;
const claim = (owner: string, container: string): string =>
  ofSubnet(`claim_address(n, '${ip}', ${owner}, ${container}, NULL, NULL, NULL, NULL)`);
const compared = `ROW('${id.host}', '${id.network}', '${ip}', 'web', 'd1', '${mac}', true)::recovery_claim`;

/** Each function that writes an address, in the ways in which its callers call it. */
const calls: Record<string, readonly string[]> = {
  reserve_addresses: [
    ofSubnet(
      `reserve_addresses(n, ARRAY[s.id], ARRAY[s.cidr], ARRAY['${ip}'::inet], ARRAY['new'], NULL, NULL, NULL, NULL, NULL)`,
    ),
  ],
  claim_address: [
    claim(`'new'`, 'NULL'),
    claim(`'app'`, 'NULL'),
    claim('NULL', 'NULL'),
    claim(`'container:box'`, `'${id.box}'`),
  ],
  change_reservation: [
    `SELECT change_reservation('${id.network}', '${ip}', '02:00:00:00:00:05', NULL, NULL, NULL)`,
    `SELECT change_reservation('${id.network}', '${ip}', NULL, '{"a": "b"}', 'anyone', '${id.other}')`,
  ],
  lease_next: ['true', 'false'].map((waits) => ofSubnet(`lease_next(n, 4, NULL, 1, ${waits}, '${id.host}')`)),
  lease_named: [ofSubnet(`lease_named(s, '${ip}', '${id.host}')`)],
  lease_reserved: [ofRow(`lease_reserved(a, '${id.host}')`)],
  renew_hold: [ofRow('renew_hold(a, false)'), ofRow('renew_hold(a, a.from_inventory)')],
  bind_seen: [`${reported('web')}SELECT bind_seen('${id.host}')`],
  bind_container: [
    `SELECT bind_container('${id.box}', '${id.host}', '${ip}', '${mac}')`,
    `SELECT bind_container('${id.box}', '${id.other}', '${ip}', NULL)`,
  ],
  unbind_container: [`SELECT unbind_container('${id.box}')`],
  bind_in_use: ['true', 'false'].map((only) =>
    ofSubnet(`bind_in_use(s, '${ip}', '${id.host}', 'web', 'd1', '${mac}', now(), ${only})`),
  ),
  bind_explained: [`${reported('web')}SELECT bind_explained('${id.network}', '${ip}')`],
  bind_undisputed: [
    `${reported('web')}SELECT bind_undisputed(a, e) FROM address a, endpoint e WHERE a.ip = '${ip}'`,
  ],
  bind_compared: [ofRow(`bind_compared(a, ${compared})`)],
  unbind_compared: [ofRow('unbind_compared(a)')],
  lease_compared: [ofRow(`lease_compared(a, ${compared})`)],
  end_hold: ['released', 'unused', 'conflicted'].flatMap((reason) =>
    ['', noQuarantine].map((before) => before + ofRow(`end_hold(a, '${reason}', '${mac}', true)`)),
  ),
  release_addresses: [
    `SELECT release_addresses('${id.network}', ARRAY['${ip}'::inet], true)`,
    `SELECT release_addresses('${id.network}', ARRAY['${ip}'::inet], false)`,
    `${noQuarantine}SELECT release_addresses('${id.network}', ARRAY['${ip}'::inet], false)`,
  ],
  revoke_address: [`SELECT revoke_address('${id.network}', '${ip}')`],
  keep_for_awaited: [
    `INSERT INTO revocation (space, ip, host_id, network_id, generation) VALUES ('default', '${ip}', '${id.host}', '${id.network}', 1);
     SELECT keep_for_awaited('${id.subnet}')`,
  ],
  end_awaiting: [ofRow('end_awaiting(a)')],
  end_quarantine: [`SELECT end_quarantine('${id.subnet}', 10)`],
  take_quarantined: [`SELECT take_quarantined('${id.subnet}', 10)`],
  shorten_quarantines: [`SELECT shorten_quarantines('${id.network}', 1)`],
  add_conflict: [ofSubnet(`add_conflict(s, '${ip}', '${mac}', '{}', interval '1 minute')`)],
  recheck_later: [`SELECT recheck_later('default', '${ip}', '${mac}', interval '10 minutes')`],
  contest_address: [ofRow(`contest_address(a, '${mac}', ARRAY['docker01', 'docker02'])`)],
  end_conflict: [ofRow('end_conflict(a)')],
  leave_conflict: [`SELECT leave_conflict('${id.network}', ARRAY['${ip}'::inet], '${id.box}')`],
  drop_of_subnet: [`SELECT drop_of_subnet('${id.subnet}')`],
  drop_of_network: [`SELECT drop_of_network('${id.network}')`],
};

let pool: Pool;
let drop: () => Promise<void>;

beforeAll(async () => {
  const database = await createTestDatabase();
  drop = database.drop;
  pool = new Pool({ connectionString: database.connectionString });
  await pool.query(`
    INSERT INTO host (id, name, public_key) VALUES ('${id.host}', 'docker01', '\\x01'), ('${id.other}', 'docker02', '\\x02');
    INSERT INTO network (id, name, host_selector) VALUES ('${id.network}', 'mac_net1', '{"all": true}');
    INSERT INTO container (id, name, host_id, spec) VALUES ('${id.box}', 'box', '${id.host}', '{}');
    INSERT INTO subnet (id, network_id, space, ordinal, cidr) VALUES ('${id.subnet}', '${id.network}', 'default', 0, '10.9.0.0/24');
    INSERT INTO subnet_range (subnet_id, kind, first, last) VALUES ('${id.subnet}', 'allocatable', '${ip}', '${ip}')`);
});

afterAll(async () => {
  await pool.end();
  await drop();
});

/** What a call makes of a row, in a transaction that is rolled back: "<from> <to>"; undefined where it leaves the row alone. */
async function transition(
  client: PoolClient,
  state: string,
  columns: string,
  call: string,
): Promise<string | undefined> {
  await client.query('BEGIN');
  try {
    if (state !== 'free') {
      const names =
        columns === '' ? [] : columns.split(/, (?=\w+ =)/).map((one) => one.split(' = ') as [string, string]);
      await client.query(
        `INSERT INTO address (${['space, ip, subnet_id, network_id, cidr, state', ...names.map(([name]) => name)].join(', ')})
         VALUES (${[`'default', '${ip}', '${id.subnet}', '${id.network}', '10.9.0.0/24', '${state}'`, ...names.map(([, value]) => value)].join(', ')})`,
      );
    }
    await client.query(`SELECT rebuild_free_space('${id.subnet}', 1)`);
    const before = await rowOf(client);
    await client.query(call);
    const after = await rowOf(client);
    return after === before
      ? undefined
      : `${state} ${after === undefined ? 'free' : JSON.parse(after).state}`;
  } catch (error) {
    // Somebody has it, says the primary key: nothing is written.
    if (error instanceof DatabaseError && error.constraint === 'address_pkey') return undefined;
    throw new Error(`${call}\non ${state} (${columns})`, { cause: error });
  } finally {
    await client.query('ROLLBACK');
  }
}

async function rowOf(client: PoolClient): Promise<string | undefined> {
  const { rows: found } = await client.query<{ row: string }>(
    `SELECT to_jsonb(a)::text AS row FROM address a`,
  );
  return found[0]?.row;
}

test('the functions do the transitions of the table of states, all of them and no others', async () => {
  const client = await pool.connect();
  try {
    const done = new Set<string>();
    for (const [name, ways] of Object.entries(calls))
      for (const call of ways)
        for (const [state, variants] of Object.entries(rows))
          for (const columns of variants) {
            const one = await transition(client, state, columns, call);
            if (one !== undefined) done.add(`${one} ${name}`);
          }
    const table = readTransitions(await readFile(file, 'utf8'));
    expect([...done].sort()).toEqual(table.map(({ from, to, by }) => `${from} ${to} ${by}`).sort());
  } finally {
    client.release();
  }
});
