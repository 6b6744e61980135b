import type { Answer, Question } from 'dns-packet';
import { reverseNameOf, reverseZoneOf } from './reverse.ts';
import { isWithin, mayExist, type Zone, type ZoneNode } from './zone.ts';

/** What a question is answered with, before it is a message. */
export interface Reply {
  readonly rcode: keyof typeof rcodes;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
}

/** Numbers of what can come of a question (RFC 1035 section 4.1.1). */
export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** Seconds for which others may keep an answer, also that there is none. */
export const ttl = 5;

type Asked = Pick<Question, 'name'> & { readonly type: string; readonly class: string };

/**
 * Answers a question from a zone. REFUSED for what is not ours: a resolver in a container then asks its next server (moby's takes
 * NXDOMAIN as final). SERVFAIL where a name is not known and may exist, so that nobody remembers that it does not. Pure.
 */
export function answer(zone: Zone, { name: asked, type, class: kind }: Asked): Reply {
  const name = asked.toLowerCase();
  const owner = authorityOf(zone, name);
  if (owner === 'unknown') return { ...refused, rcode: 'SERVFAIL' };
  if (owner === null || kind !== 'IN' || transfers.has(type)) return refused;
  const { apex, block } = owner;
  const service = serviceOf(zone, name);
  const node = zone.nodes.get(name) ?? service;
  if (node === undefined && name !== apex) {
    if (mayExist(zone, name, block)) return { ...refused, rcode: 'SERVFAIL' };
    return { rcode: 'NXDOMAIN', isAuthoritative: true, answers: [], authorities: [authority(zone, apex)] };
  }
  const answers = name === apex && type === 'SOA' ? [authority(zone, apex)] : recordsOf(node, asked, type);
  const authorities = answers.length === 0 ? [authority(zone, apex)] : [];
  return { rcode: 'NOERROR', isAuthoritative: true, answers, authorities };
}

const refused: Reply = { rcode: 'REFUSED', isAuthoritative: false, answers: [], authorities: [] };
const transfers: ReadonlySet<string> = new Set(['AXFR', 'IXFR']);

/** The zone that answers for a name, and the addresses that a reverse name is about. */
function authorityOf(zone: Zone, name: string) {
  if (isWithin(name, zone.name)) return { apex: zone.name, block: null };
  const reverse = reverseNameOf(name);
  if (reverse === null) return null;
  if (!zone.isKnown) return 'unknown';
  const found = reverseZoneOf(reverse, zone.subnets);
  return found === null ? null : { apex: found.apex, block: reverse.cidr };
}

interface Service {
  readonly node: ZoneNode;
  /** Null above the ports: `_tcp.<name>`. */
  readonly port: number | null;
}

/**
 * `_<port>._tcp.<name>` and `_<port>._udp.<name>`: which containers are behind a name. The port is the asker's: nobody knows what
 * containers listen on.
 */
function serviceOf({ nodes }: Zone, name: string): Service | undefined {
  const [, port, below] = /^(?:_([1-9]\d{0,4})\.)?_(?:tcp|udp)\.(.+)$/.exec(name) ?? [];
  const node = below === undefined ? undefined : nodes.get(below);
  if (node === undefined || node.members.length === 0 || Number(port ?? 0) > 65_535) return undefined;
  return { node, port: port === undefined ? null : Number(port) };
}

function recordsOf(found: ZoneNode | Service | undefined, name: string, type: string): Answer[] {
  if (found === undefined) return [];
  // RFC 8482: one small record says that there is no answer to ANY.
  if (type === 'ANY') return [{ name, type: 'HINFO', ttl, data: { cpu: 'RFC8482', os: '' } }];
  if ('port' in found) return type === 'SRV' ? servicesOf(found, name) : [];
  switch (type) {
    case 'A':
      return found.ipv4.map((data) => ({ name, type: 'A', ttl, data }));
    case 'AAAA':
      return found.ipv6.map((data) => ({ name, type: 'AAAA', ttl, data }));
    case 'PTR':
      return found.pointers.map((data) => ({ name, type: 'PTR', ttl, data }));
    default:
      return [];
  }
}

function servicesOf({ node, port }: Service, name: string): Answer[] {
  if (port === null) return [];
  return node.members.map((target) => ({
    name,
    type: 'SRV',
    ttl,
    data: { priority: 0, weight: 1, port, target },
  }));
}

/** The SOA of a zone. Its last number is how long others may keep that a name does not exist (RFC 2308 section 4). */
function authority({ name: zone, serial }: Zone, apex: string): Answer {
  const data = {
    mname: zone,
    rname: `hostmaster.${zone}`,
    serial,
    refresh: 60,
    retry: 5,
    expire: 3600,
    minimum: ttl,
  };
  return { name: apex, type: 'SOA', ttl, data };
}
