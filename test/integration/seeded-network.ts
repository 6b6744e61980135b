import { randomUUID } from 'node:crypto';
import {
  createAddressesService,
  type AddressesService,
} from '../../apps/server/src/features/addresses/addresses.service.ts';
import { createChanges, type Changes } from '../../apps/server/src/platform/changes.ts';
import { openDatabase, type Database } from '../../apps/server/src/platform/database/database.ts';
import { createMetrics } from '../../apps/server/src/platform/metrics.ts';
import type { Platform } from '../../apps/server/src/platform/platform.ts';
import { pino } from 'pino';

/** The addresses feature of one server replica, on a database that several may share. */
export interface Replica {
  database: Database;
  changes: Changes;
  addresses: AddressesService;
  close(): Promise<void>;
}

export function openReplica(connectionString: string): Replica {
  const database = openDatabase({ connection: { connectionString }, connections: 8 });
  const changes = createChanges(database);
  const platform: Platform = {
    database,
    changes,
    feed: {
      next: async () => undefined,
      subscribe: () => () => undefined,
      stopping: new AbortController().signal,
      close: async () => undefined,
    },
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    now: () => new Date(),
    stopping: new AbortController().signal,
  };
  return { database, changes, addresses: createAddressesService(platform), close: () => database.close() };
}

export interface SeededSubnet {
  cidr: string;
  gateway?: string;
  ranges?: string[];
  exclude?: string[];
}

/** A network written straight into the database, for tests that are about its addresses only. */
export async function seedNetwork(
  { database, addresses }: Replica,
  network: { name: string; subnets: SeededSubnet[]; space?: string; quarantineSeconds?: number },
): Promise<string> {
  const id = randomUUID();
  const space = network.space ?? network.name;
  await database.prisma.$transaction(async (db) => {
    await db.network.create({
      data: {
        id,
        name: network.name,
        space,
        hostSelector: { all: true },
        quarantineSeconds: network.quarantineSeconds ?? 300,
      },
    });
    for (const [ordinal, { cidr, gateway = null, ranges = [], exclude = [] }] of network.subnets.entries()) {
      const subnet = { id: randomUUID(), cidr, gateway, ranges, exclude };
      await db.subnet.create({ data: { ...subnet, networkId: id, space, ordinal } });
      await addresses.prepareSubnet({ db, record: () => undefined }, subnet);
    }
  });
  return id;
}
