import { list, record, text, type JsonRecord } from '../../host/json-read.ts';
import {
  both,
  either,
  fitOfEtherType,
  fitOfFamily,
  fitOfIcmpType,
  fitOfInterface,
  fitOfOtherInterface,
  fitOfProtocol,
  fitOfRange,
  fitOfVlan,
  fitOutside,
  rangeFrom,
  type Fit,
  type Packets,
} from './packets.ts';

/** A match of nftables: `{op, left, right}` of libnftables-json(5). What is not known may be true. */
export function fitOfMatch(match: JsonRecord, packets: Packets): Fit {
  const left = record(match['left']);
  const values = valuesOf(match['right']);
  const field = fieldOf(left, packets);
  if (field === null) return 'any';
  // Of a protocol that never passes, no value matters.
  if (field.whole === 'no') return 'no';
  const op = match['op'];
  if (op === '==' || op === 'in' || op === undefined) return both(field.whole, either(values.map(field.is)));
  return op === '!=' ? both(field.whole, field.isNot(values)) : field.whole;
}

/** The same of a key of a verdict map. */
export function fitOfVerdictKey(left: JsonRecord, value: unknown, packets: Packets): Fit {
  return fitOfMatch({ op: '==', left, right: value }, packets);
}

interface Field {
  /** Whether a packet that has the field passes at all. */
  readonly whole: Fit;
  readonly is: (value: unknown) => Fit;
  readonly isNot: (values: readonly unknown[]) => Fit;
}

const open = (whole: Fit): Field => ({ whole, is: () => 'any', isNot: () => 'any' });
const only = (is: (value: string) => Fit, whole: Fit = 'any'): Field => ({
  whole,
  is: (value) => (typeof value === 'string' || typeof value === 'number' ? is(String(value)) : 'any'),
  isNot: () => 'any',
});

function valuesOf(right: unknown): readonly unknown[] {
  const { set } = record(right);
  if (set !== undefined) return Array.isArray(set) ? set : [set];
  return Array.isArray(right) ? right : [right];
}

function fieldOf(left: JsonRecord, packets: Packets): Field | null {
  const { payload, meta } = left;
  if (payload !== undefined) {
    const { protocol, field } = record(payload);
    return payloadField(text(protocol) ?? '', text(field) ?? '', packets);
  }
  if (meta !== undefined) return metaField(text(record(meta)['key']) ?? '', packets);
  return null;
}

function payloadField(protocol: string, field: string, packets: Packets): Field | null {
  const whole = (family: 4 | 6): Fit => fitOfFamily(family, packets);
  switch (protocol) {
    case 'ip':
      if (field === 'protocol') return only((value) => fitOfProtocol(value, packets), whole(4));
      return field === 'saddr' || field === 'daddr' ? addressField(4, packets) : open(whole(4));
    case 'ip6':
      if (field === 'nexthdr') return only((value) => fitOfProtocol(value, packets), whole(6));
      return field === 'saddr' || field === 'daddr' ? addressField(6, packets) : open(whole(6));
    case 'arp':
      return field.endsWith(' ip') ? addressField(4, packets) : open(whole(4));
    case 'icmp':
      return field === 'type' ? only((value) => fitOfIcmpType(4, value, packets), whole(4)) : open(whole(4));
    case 'icmpv6':
      return field === 'type' ? only((value) => fitOfIcmpType(6, value, packets), whole(6)) : open(whole(6));
    case 'ether':
      if (field === 'type') return only((value) => fitOfEtherType(value, packets));
      // 802.1D: such frames are the switch's own, and never ours.
      return only((value) => (/^01:80:c2/i.test(value) ? 'no' : 'any'));
    case 'vlan':
      return field === 'id' ? only((value) => fitOfVlan(Number(value), packets)) : null;
    case '':
      return null;
    default:
      return open('no');
  }
}

function metaField(key: string, packets: Packets): Field | null {
  switch (key) {
    case 'iif':
    case 'oif':
    case 'iifname':
    case 'oifname':
      return {
        ...only((value) => fitOfInterface(value, packets)),
        isNot: (values) => fitOfOtherInterface(values.map(String), packets),
      };
    case 'l4proto':
      return only((value) => fitOfProtocol(value, packets));
    case 'protocol':
      return only((value) => fitOfEtherType(value, packets));
    case 'nfproto':
      return only((value) => fitOfFamily(value === 'ipv6' ? 6 : 4, packets));
    default:
      return null;
  }
}

/** A source or destination address of one IP version, compared with the addresses of the packets. */
function addressField(family: 4 | 6, packets: Packets): Field {
  const within = { ...packets, cidrs: packets.cidrs.filter((cidr) => cidr.family === family) };
  return {
    whole: fitOfFamily(family, packets),
    is: (value) => fitOfAddress(value, within),
    isNot: (values) => fitOutside(values.map(prefixOf), within),
  };
}

function fitOfAddress(value: unknown, packets: Packets): Fit {
  const [first, last] = list(record(value)['range']).map((end) => rangeFrom(text(end) ?? ''));
  if (first === undefined || last === undefined) return fitOfRange(prefixOf(value), packets);
  const isHit = packets.cidrs.some(
    ({ family, base, prefix }) =>
      first.family === family &&
      first.base < base + (1n << BigInt((family === 4 ? 32 : 128) - prefix)) &&
      last.base >= base,
  );
  return isHit ? 'named' : 'no';
}

function prefixOf(value: unknown): ReturnType<typeof rangeFrom> {
  if (typeof value === 'string') return rangeFrom(value);
  const { addr, len } = record(record(value)['prefix']);
  return typeof addr === 'string' && typeof len === 'number' ? rangeFrom(`${addr}/${len}`) : undefined;
}
