import {
  connectivityOf,
  type Check,
  type Container,
  type Network,
  type Placement,
} from '@trunkline/contracts';

/** What the API answered while a scenario was done. */
export interface Seen {
  readonly networks: readonly Network[];
  readonly placements: readonly Placement[];
  readonly containers: readonly Container[];
  readonly checks: readonly Check[];
}

/** What a scenario asks for. */
export interface Expected {
  /** Networks by name, each on every host. */
  readonly networks: readonly string[];
  readonly hosts: readonly string[];
  /** Which container has which address. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Who must reach whom, and who must not. */
  readonly reach: readonly (readonly [from: string, to: string])[];
  readonly apart: readonly (readonly [from: string, to: string])[];
}

/** One expectation of a scenario, and whether it was met. */
export interface Finding {
  readonly promise: string;
  readonly held: boolean;
  /** What was observed. */
  readonly seen: string;
}

/** Whether all of a scenario held (scenarios.md). Pure. */
export function judge(seen: Seen, expected: Expected): readonly Finding[] {
  return [
    ...expected.networks.flatMap((name) => [
      networkFinding(name, seen.networks),
      ...expected.hosts.map((host) => placementFinding(name, host, seen.placements)),
    ]),
    ...Object.entries(expected.addresses).map(([name, address]) =>
      addressFinding(name, address, seen.containers),
    ),
    macFinding(seen.containers),
    ...expected.reach.map(([from, to]) => pingFinding(from, to, expected.addresses[to] ?? '', seen)),
    ...expected.apart.map(([from, to]) => silenceFinding(from, to, expected.addresses[to] ?? '', seen)),
  ];
}

function networkFinding(name: string, networks: readonly Network[]): Finding {
  const status = networks.find((one) => one.name === name)?.status;
  return {
    promise: `network ${name} is ready`,
    held: status?.ready === true,
    seen:
      status === undefined
        ? 'it was not created'
        : status.conditions.map(({ message }) => message).join('; '),
  };
}

function placementFinding(network: string, host: string, placements: readonly Placement[]): Finding {
  const ready = placements
    .find((placement) => placement.host === host && placement.network === network)
    ?.conditions.find(({ type }) => type === 'Ready');
  return {
    promise: `network ${network} is ready on ${host}`,
    held: ready?.status === 'True',
    seen: ready === undefined ? 'the host has not reported it' : ready.message,
  };
}

function addressFinding(name: string, address: string, containers: readonly Container[]): Finding {
  const container = containers.find((one) => one.name === name);
  const has = container?.attachments[0]?.address ?? 'none';
  return {
    promise: `${name} runs with address ${address}`,
    held: container?.running === true && has === address,
    seen:
      container === undefined ? 'it was not created' : `${container.observed?.state ?? 'not seen'}, ${has}`,
  };
}

function macFinding(containers: readonly Container[]): Finding {
  const macs = containers.map(({ attachments }) => attachments[0]?.observedMac ?? null);
  const known = macs.filter((mac) => mac !== null);
  return {
    promise: 'each container has a MAC of its own',
    held: known.length === macs.length && known.length > 1 && new Set(known).size === known.length,
    seen: macs.map((mac) => mac ?? 'none seen').join(', '),
  };
}

/** The answer must come from the container itself: its MAC is compared too, not only its address. */
function pingFinding(from: string, to: string, address: string, seen: Seen): Finding {
  const promise = `${from} pings ${to} at ${address} without loss`;
  const check = seen.checks.find((one) => one.from?.container === from && one.to?.container === to);
  const ping = (check && connectivityOf(check))?.byAddress.find((one) => one.address === address);
  if (ping === undefined) return { promise, held: false, seen: check?.error ?? 'it was not pinged' };
  const mac = seen.containers.find(({ name }) => name === to)?.attachments[0]?.observedMac;
  const counts = `${String(ping.received)} of ${String(ping.sent)} answered`;
  const held = ping.sent > 0 && ping.received === ping.sent && ping.mac === mac;
  return {
    promise,
    held,
    seen: ping.mac === mac ? counts : `${counts}, by MAC ${String(ping.mac)} and not ${String(mac)}`,
  };
}

/** It was pinged and did not answer once. */
function silenceFinding(from: string, to: string, address: string, seen: Seen): Finding {
  const promise = `${from} does not reach ${to} at ${address}`;
  const check = seen.checks.find((one) => one.from?.container === from && one.to?.container === to);
  const ping = (check && connectivityOf(check))?.byAddress.find((one) => one.address === address);
  if (ping === undefined) return { promise, held: false, seen: check?.error ?? 'it was not pinged' };
  return {
    promise,
    held: ping.received === 0 && ping.error === null,
    seen: ping.error ?? `${String(ping.received)} of ${String(ping.sent)} answered`,
  };
}
