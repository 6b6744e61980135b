import { listed } from '@trunkline/log';
import { addressPath, findingKinds, type AddressFinding } from '@trunkline/contracts';
import { disputeInWords, disputeRemedy } from '../addresses/dispute.ts';
import type { OddAddress, OddEndpoint } from './comparison.store.ts';

type Holder = AddressFinding['holders'][number];

const holderShown = (row: OddEndpoint): Holder => ({
  host: row.host,
  container: row.container,
  dockerId: row.dockerId,
  mac: row.mac,
  since: row.since.toISOString(),
  observedAt: row.observedAt.toISOString(),
});

const named = ({ container, host }: Holder): string => `${container ?? 'a container'} on ${host}`;

function seenFinding(rows: readonly [OddEndpoint, ...OddEndpoint[]]): AddressFinding {
  const [row] = rows;
  const { network, ip, state, heldBy, claimants } = row;
  const holders = rows.map(holderShown);
  const [first] = holders;
  const who = first === undefined ? 'a container' : named(first);
  const base = { network, ip, state, holders, mac: row.mac };
  if (row.holders > 1) {
    return {
      ...base,
      kind: 'two-holders',
      message: `${ip} is on ${row.holders} running containers: ${listed(holders.map(named))}`,
      remedy: `stop all but one of them${heldBy === null ? '' : ` (the address is held by ${heldBy})`}, and start them again without a fixed address`,
    };
  }
  if (!row.inside) {
    return {
      ...base,
      kind: 'outside',
      message: `${ip} of ${who} is in no subnet of ${network}`,
      remedy: `disconnect the container from ${network} and connect it again, so that it gets an address of the network`,
    };
  }
  if (claimants !== null) {
    return {
      ...base,
      kind: 'seen-not-bound',
      message: `${who} uses ${ip}, which is ${disputeInWords(claimants)}`,
      remedy: disputeRemedy,
    };
  }
  const book = state === null ? 'free' : heldBy === null ? state : `${state} by host ${heldBy}`;
  return {
    ...base,
    kind: 'seen-not-bound',
    message: `${who} uses ${ip}, which is recorded as ${book}`,
    remedy:
      state === null || heldBy === row.host
        ? 'wait for the next report of the host; if nothing changes, restart the container, so that its agent claims the address'
        : 'stop the container and start it again, so that it gets an address that its host holds',
  };
}

/** It runs where the book has it: only its Ethernet address is another one's too. */
const fits = (row: OddEndpoint): boolean =>
  row.holders === 1 && row.inside && row.state === 'bound' && row.heldBy === row.host;

function twinFinding(rows: readonly [OddEndpoint, ...OddEndpoint[]]): AddressFinding {
  const [row] = rows;
  const holders = rows.map(holderShown);
  return {
    kind: 'two-macs',
    network: row.network,
    ip: row.ip,
    state: row.state,
    mac: row.mac,
    holders,
    message: `${row.mac ?? ''} is the Ethernet address of ${row.stations} running containers on ${row.network}: ${listed(holders.map(named))}`,
    remedy: 'stop all but one of them, and start them again with MACs of their own',
  };
}

function bookFinding(row: OddAddress): AddressFinding {
  const { network, ip, state, mac, host, container, claimants } = row;
  const since = row.since?.toISOString() ?? null;
  const base = { network, ip, state, mac };
  if (claimants !== null) {
    return {
      ...base,
      kind: 'conflicted',
      holders: [],
      message: `${ip} is ${disputeInWords(claimants)}`,
      remedy: disputeRemedy,
    };
  }
  if (state === 'conflicted') {
    return {
      ...base,
      kind: 'conflicted',
      holders: [],
      message: `a foreign station (${mac ?? 'MAC unknown'}) answers for ${ip} on the wire${since === null ? '' : `, since ${since}`}`,
      remedy: `find that device and give it another address, or exclude ${ip} from ${network}; the address is probed again after ten minutes`,
    };
  }
  const observedAt = row.observedAt?.toISOString() ?? null;
  const holders = host === null ? [] : [{ host, container, dockerId: row.dockerId, mac, since, observedAt }];
  return {
    ...base,
    kind: 'bound-not-seen',
    holders,
    message: `${ip} is bound to ${container ?? 'a container'} on ${host ?? 'no host'}, whose last report${observedAt === null ? '' : ` (${observedAt})`} shows no container on it`,
    remedy: `the host returns it by itself once it is sure that no container uses it; if it does not, release it with DELETE ${addressPath(network, ip)}?force=true`,
  };
}

/** What does not fit, one finding an address, in the order of networks; those that harm most come first. Pure. */
export function compareBooks(
  endpoints: readonly OddEndpoint[],
  addresses: readonly OddAddress[],
): AddressFinding[] {
  const twins = new Map<string, [OddEndpoint, ...OddEndpoint[]]>();
  for (const row of endpoints) {
    if (row.stations < 2) continue;
    const key = `${row.network} ${row.mac ?? ''} ${row.ip.includes(':')}`;
    const group = twins.get(key);
    if (group === undefined) twins.set(key, [row]);
    else group.push(row);
  }
  const groups = new Map<string, [OddEndpoint, ...OddEndpoint[]]>();
  for (const row of endpoints) {
    if (fits(row)) continue;
    // One address of two networks of a space is one address.
    const key = row.holders > 1 ? row.ip : `${row.ip} ${row.network} ${row.dockerId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  const findings = [
    ...[...groups.values()].map(seenFinding),
    ...[...twins.values()].map(twinFinding),
    ...addresses.map(bookFinding),
  ];
  return findings.sort((a, b) => findingKinds.indexOf(a.kind) - findingKinds.indexOf(b.kind));
}
