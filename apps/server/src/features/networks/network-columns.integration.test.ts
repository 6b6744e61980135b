import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer } from '@trunkline/test/integration/server.ts';
import { Prisma } from '../../platform/database/database.ts';
import { columnsRead, columnsWritten, documentFields } from './network-columns.ts';
import { callNetworks } from './network-calls.fixture.ts';
import { networkFields } from './spec/network-fields.ts';

let server: TestServer;

beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

test('a field that is added is read from its column, written to it, and given to agents', async () => {
  await callNetworks(server).make('lan');
  const { prisma } = server.platform.database;
  const wider = {
    ...networkFields,
    jumboFrames: { column: 'jumboFrames', document: 'column', replaces: 'never' },
  } as const;
  const made = { parent: Prisma.sql`'eno1'`, subnets: Prisma.sql`'[]'::jsonb` };

  await prisma.$executeRaw`ALTER TABLE network ADD COLUMN jumbo_frames boolean NOT NULL DEFAULT true`;
  const [row] = await prisma.$queryRaw<Record<string, unknown>[]>`
    SELECT ${columnsRead(wider)}, jsonb_build_object(${documentFields(wider, made)}) AS document FROM network n`;

  expect(row).toMatchObject({ jumboFrames: true, hosts: { all: true }, quarantineSeconds: 300 });
  expect(row?.['document']).toMatchObject({ jumboFrames: true, parent: 'eno1', quarantineSeconds: 300 });
  expect(Object.keys(row?.['document'] as object)).not.toContain('labels');
  expect(columnsWritten(wider, { jumboFrames: true, hosts: { all: true } })).toMatchObject({
    jumboFrames: true,
    hostSelector: { all: true },
  });
});
