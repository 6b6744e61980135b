import { listed } from '@trunkline/log';
import type { DesiredNetwork } from '@trunkline/contracts';
import { advises, fails, holds, type ConditionDraft } from '../plan/conditions.ts';
import type { UnheldAddress } from './bindings/bindings.ts';
import { familyOf, warmKey } from './leases/exchange-plan.ts';
import type { LeaseRecord } from './leases/lease-record.ts';

/** What is known of the address book of this host. */
export interface BookState {
  /** Why Docker cannot reach the driver; null: it can. */
  readonly notServing: string | null;
  /** Why nothing is given from the disk of this host; null: it is. */
  readonly unconfirmed: string | null;
  /** Why the leases of this host cannot be written to its disk; null: they can. */
  readonly unwritable: string | null;
  readonly away: { readonly since: number; readonly why: string } | null;
  readonly records: readonly LeaseRecord[];
  readonly shortages: ReadonlyMap<string, string>;
  readonly blind: ReadonlyMap<string, string>;
  readonly unheld: readonly UnheldAddress[];
  /** Containers that should run and that could not be started again: on which network, and Docker's words. */
  readonly notStarted: readonly { readonly networkId: string; readonly name: string; readonly why: string }[];
}

/** Whether Docker can ask for addresses on this host. */
export function driverCondition({ notServing, unconfirmed, unwritable, away }: BookState): ConditionDraft {
  if (notServing !== null) {
    return fails(
      'AddressDriver',
      'NotServing',
      `Docker cannot request addresses: ${notServing}; until it can, no container starts on a Trunkline network of this host`,
    );
  }
  if (unwritable !== null) return fails('AddressDriver', 'LeasesNotWritable', notWritten(unwritable));
  if (unconfirmed !== null) {
    return fails('AddressDriver', 'StateRestored', `no address is given out: ${unconfirmed}`);
  }
  if (away !== null) {
    return advises(
      'AddressDriver',
      'ServerAway',
      `addresses are given out from the leases of this host: ${away.why} since ${new Date(away.since).toISOString()}`,
    );
  }
  return holds('AddressDriver', 'Serving', 'Docker gets the addresses of Trunkline networks from this agent');
}

function notWritten(why: string): string {
  return (
    `no address is given out, since the state folder of the agent cannot be written (${why}): free space on its disk, or make the folder ` +
    'writable; the agent continues by itself, and then releases the addresses of containers that were removed meanwhile'
  );
}

/** What a network's addresses are like on this host. Nothing else depends on it: what runs, runs. */
export function bookCondition(network: DesiredNetwork, state: BookState): ConditionDraft {
  const { id } = network;
  if (state.unwritable !== null)
    return advises('AddressPool', 'LeasesNotWritable', notWritten(state.unwritable));
  const unheld = state.unheld.filter(({ networkId }) => networkId === id);
  const [first] = unheld;
  if (first !== undefined) {
    const addresses = unheld.map(({ ip, name }) => `${ip} of container ${name}`);
    return advises(
      'AddressPool',
      'AddressNotHeld',
      `this host does not hold ${listed(addresses)}: ${first.why}; restart the container with another address`,
    );
  }
  const notStarted = state.notStarted.filter(({ networkId }) => networkId === id);
  const [dead] = notStarted;
  if (dead !== undefined) {
    const names = listed(notStarted.map(({ name }) => name));
    return advises(
      'AddressPool',
      'ContainerNotStarted',
      `container ${names} should run and could not be started: ${dead.why}; the start is repeated at growing intervals`,
    );
  }
  const own = state.records.filter(({ networkId }) => networkId === id);
  const families = [...new Set(network.subnets.map(({ cidr }) => familyOf(cidr)))];
  for (const family of families) {
    const why = state.shortages.get(warmKey(id, family));
    const free = warm(own.filter(({ ip }) => familyOf(ip) === family));
    if (why !== undefined && free < network.warm) {
      return advises(
        'AddressPool',
        'PoolLow',
        `${free} of ${network.warm} ${family === 'ipv4' ? 'IPv4' : 'IPv6'} addresses are ready for the next containers: ${why}`,
      );
    }
  }
  const blind = state.blind.get(id);
  if (blind !== undefined) {
    return advises(
      'AddressPool',
      'NotProbed',
      `addresses are given out without a probe for foreign stations on the wire: ${blind}`,
    );
  }
  return holds('AddressPool', 'Ready', 'containers get their addresses from the leases of this host');
}

function warm(records: readonly LeaseRecord[]): number {
  return records.filter(({ use }) => use === 'free' || use === 'probing').length;
}
