import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from './database.ts';

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe('a test database', () => {
  it('has all migrations and shares nothing with another', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    onTestFinished(async () => {
      await Promise.all([one.drop(), two.drop()]);
    });
    const [first, second] = [await connected(one.connectionString), await connected(two.connectionString)];
    expect((await first.query('SELECT FROM _prisma_migrations')).rowCount).toBeGreaterThan(0);
    await first.query('CREATE TABLE mine (id integer)');
    await expect(second.query('SELECT FROM mine')).rejects.toThrow('does not exist');
  });

  it('is gone after drop, also when something is still connected', async () => {
    const { connectionString, drop } = await createTestDatabase();
    await connected(connectionString);
    await drop();
    await expect(connected(connectionString)).rejects.toThrow('does not exist');
  });
});
