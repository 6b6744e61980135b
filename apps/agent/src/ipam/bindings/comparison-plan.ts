import type { CompareItem, Lease } from '@trunkline/contracts';
import type { SeenAddress } from './bindings-plan.ts';
import type { LeaseChange } from '../leases/lease-journal.ts';
import { arrived, keyOf, rightsOf, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';
import type { ShownAddresses } from './seen-addresses.ts';

const item = (
  { networkId, ip }: { readonly networkId: string; readonly ip: string },
  generation: number,
  use: CompareItem['use'],
  user: SeenAddress | undefined,
): CompareItem => ({
  networkId,
  ip,
  generation,
  use,
  container: user?.name ?? null,
  dockerId: user?.container ?? null,
  mac: user?.mac ?? null,
});
/**
 * All that this host holds and all that its containers have, or ask for at their next start. What Docker was given is kept also
 * where no container shows it yet. Pure.
 */
export function comparedItems(
  held: ReadonlyMap<LeaseKey, LeaseRecord>,
  { live, asked }: Pick<ShownAddresses, 'live' | 'asked'>,
): CompareItem[] {
  // Who has an address counts before who only asks for it.
  const users = new Map([...asked.values(), ...live].map((one) => [keyOf(one), one]));
  const lives = new Set(live.map(keyOf));
  const useOf = (key: LeaseKey): CompareItem['use'] => {
    if (lives.has(key)) return 'live';
    return users.has(key) || held.get(key)?.use === 'used' ? 'asked' : 'idle';
  };
  const own = [...held].map(([key, record]) => item(record, record.generation, useOf(key), users.get(key)));
  const others = [...users].filter(([key]) => !held.has(key));
  return [...own, ...others.map(([key, user]) => item(user, 0, useOf(key), user))];
}

/**
 * What the answer changes: nothing stays that the server did not confirm, but what Docker was given, which is claimed
 * again. `listed`: the records as they were sent. Pure.
 */
export function comparedChanges(
  confirmed: readonly Lease[],
  listed: ReadonlyMap<LeaseKey, LeaseRecord>,
  held: ReadonlyMap<LeaseKey, LeaseRecord>,
  now: number,
): LeaseChange[] {
  const leases = new Map(confirmed.map((lease) => [keyOf(lease), lease]));
  const changes: LeaseChange[] = [];
  for (const [key, record] of held) {
    if (record.generation !== listed.get(key)?.generation) continue;
    const lease = leases.get(key);
    if (lease === undefined) {
      changes.push(record.use === 'used' ? { ...record, generation: 0 } : { drop: key });
    } else if (record.use === 'returning' && lease.generation !== record.generation) {
      // It was on its way back; the database has it all the same, and nobody uses it.
      changes.push(arrived(lease, 'suspect', now));
    } else if (lease.generation !== record.generation) {
      changes.push({ ...record, generation: lease.generation, ...rightsOf(lease) });
    }
  }
  for (const [key, lease] of leases) if (!held.has(key)) changes.push(arrived(lease, 'suspect', now));
  return changes;
}
