import { addressPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';

/** An address that a host itself has, kept out of a network; the rows of `keep_for_hosts` (prisma/functions). */
export interface KeptAddress {
  network: string;
  ip: string;
  mac: string | null;
  host: string;
  link: string;
}

/** Labels of an address that is kept since a host itself has it. */
export const ownLabels = { host: 'io.trunkline.host', link: 'io.trunkline.interface' } as const;

/** Keeps what hosts have of subnets that are locked. */
export async function keepForHosts(
  change: Pick<Change, 'db' | 'record'>,
  subnetIds: readonly string[],
): Promise<void> {
  for (const id of subnetIds)
    recordKept(change, await change.db.$queryRaw<KeptAddress[]>`SELECT * FROM keep_for_hosts(${id}::uuid)`);
}

/** Records which addresses are kept from now on. */
export function recordKept(change: Pick<Change, 'record'>, kept: readonly KeptAddress[]): void {
  for (const { network, ip, mac, host, link } of kept)
    change.record({
      type: 'address.conflicted',
      subject: addressPath(network, ip),
      network,
      host,
      data: { mac, interface: link },
    });
}

/** Subnets of which hosts have addresses that are not kept, or not for long; locked until the transaction ends. */
export async function lockHostsSubnets(db: TransactionClient): Promise<string[]> {
  const due = await db.$queryRaw<{ id: string }[]>`
    WITH own AS MATERIALIZED (SELECT o.ip FROM addresses_of_hosts() AS o)
    SELECT s.id FROM subnet s WHERE EXISTS (
      SELECT 1 FROM own LEFT JOIN address a ON a.space = s.space AND a.ip = own.ip
      WHERE own.ip <<= s.cidr AND own.ip IS DISTINCT FROM s.gateway
        AND (a.ip IS NULL OR a.state = 'conflicted' AND a.recheck_at < now() + interval '5 minutes')
    ) ORDER BY s.id FOR UPDATE OF s SKIP LOCKED`;
  return due.map(({ id }) => id);
}
