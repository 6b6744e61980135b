import { addressPath, type AddressConflict } from '@trunkline/contracts';
import type { EventInput } from '../../platform/changes.ts';

const isIn = (all: readonly AddressConflict[], { ip, mac, container }: AddressConflict): boolean =>
  all.some((one) => one.ip === ip && one.mac === mac && one.container === container);

/** What an operator hears of stations that came to, or left, the addresses of running containers. Pure. */
export function conflictEvents(
  before: { readonly network: string; readonly conflicts: readonly AddressConflict[] },
  now: readonly AddressConflict[],
  host: string,
): EventInput[] {
  const { network } = before;
  const eventOf = (
    type: 'address.conflicted' | 'address.conflict-ended',
    { ip, container, mac }: AddressConflict,
  ): EventInput => ({
    type,
    subject: addressPath(network, ip),
    network,
    host,
    data: { container, mac },
  });
  return [
    ...now.filter((one) => !isIn(before.conflicts, one)).map((one) => eventOf('address.conflicted', one)),
    ...before.conflicts.filter((one) => !isIn(now, one)).map((one) => eventOf('address.conflict-ended', one)),
  ];
}
