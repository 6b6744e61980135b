import { list, number, record, text } from './json-read.ts';
import type { JsonRecord } from './json-read.ts';
import type { Link, LinkAddress } from './links.ts';

/** `ip` answered something that is not the JSON we know; an iproute2 older than 4.14 has no `-json`. */
export class UnreadableIpOutput extends Error {
  override readonly name = 'UnreadableIpOutput';

  constructor(what: string) {
    super(`"ip -json" returned no usable ${what}; iproute2 4.14 or later is required`);
  }
}

/**
 * Reads `ip -json -details address show`: every link with its addresses, in the kernel's order. Entries without a name
 * are left out (older `ip` prints empty objects for what a filter hides).
 *
 * Fails with {@link UnreadableIpOutput}.
 */
export function parseLinks(stdout: string): readonly Link[] {
  return entries(stdout, 'links').flatMap((entry) => {
    const link = linkOf(entry);
    return link === undefined ? [] : [link];
  });
}

function linkOf(entry: JsonRecord): Link | undefined {
  const name = text(entry['ifname']);
  const ifindex = number(entry['ifindex']);
  if (name === null || ifindex === null) return undefined;
  const flags = list(entry['flags']);
  const info = record(entry['linkinfo']);
  const data = record(info['info_data']);
  const kind = text(info['info_kind']);
  return {
    name,
    ifindex,
    mac: entry['link_type'] === 'ether' ? (text(entry['address'])?.toLowerCase() ?? null) : null,
    mtu: number(entry['mtu']) ?? 0,
    up: flags.includes('UP'),
    operState: text(entry['operstate']) ?? 'UNKNOWN',
    carrier: flags.includes('LOWER_UP'),
    promiscuous: flags.includes('PROMISC'),
    promiscuity: number(entry['promiscuity']) ?? 0,
    ...(flags.includes('NOARP') ? { noArp: true } : {}),
    kind,
    vlanId: kind === 'vlan' ? number(data['id']) : null,
    macvlanMode: kind === 'macvlan' ? text(data['mode']) : null,
    // Of a veth, `link` is the other end and not what it stands on.
    parent: kind === 'veth' ? null : text(entry['link']),
    alias: text(entry['ifalias']),
    master: text(entry['master']),
    addresses: list(entry['addr_info']).flatMap((address) => addressOf(record(address))),
  };
}

function addressOf(entry: JsonRecord): LinkAddress[] {
  const address = text(entry['local']);
  const prefixLength = number(entry['prefixlen']);
  const family = entry['family'] === 'inet' ? 4 : entry['family'] === 'inet6' ? 6 : undefined;
  if (address === null || prefixLength === null || family === undefined) return [];
  const isPassing = ['temporary', 'deprecated', 'tentative', 'dadfailed'].some(
    (flag) => entry[flag] === true,
  );
  const scope = text(entry['scope']) ?? 'global';
  return [{ family, address, prefixLength, scope, ...(isPassing ? { passing: true } : {}) }];
}

function entries(stdout: string, what: string): readonly JsonRecord[] {
  // `ip` prints nothing at all where it has nothing to show (no IPv6 in the kernel, for one).
  if (stdout.trim() === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(stdout);
  } catch {
    throw new UnreadableIpOutput(what);
  }
  if (!Array.isArray(parsed)) throw new UnreadableIpOutput(what);
  return parsed.map(record);
}
