import { cidrContains, formatIp, parseCidr, parseIp, tryParseIp } from '@trunkline/netaddr';
import type { DriverCall } from './calls.ts';

/** An answer of the driver as it came. */
export interface DriverAnswerSeen {
  status: number;
  type: string;
  text: string;
  ms: number;
}

/** Longest a refusal may be, in characters: it is printed under `docker run`. */
const maxErrorLength = 2_000;
const mediaType = 'application/vnd.docker.plugins.v1.1+json';

/** What an answer must have that is no refusal, by its path. */
const shapes: Record<string, (body: Readonly<Record<string, unknown>>) => boolean> = {
  '/Plugin.Activate': ({ Implements }) => Array.isArray(Implements) && Implements.includes('IpamDriver'),
  '/IpamDriver.GetCapabilities': ({ RequiresMACAddress }) => RequiresMACAddress === true,
  '/IpamDriver.GetDefaultAddressSpaces': ({ LocalDefaultAddressSpace }) =>
    typeof LocalDefaultAddressSpace === 'string',
  '/IpamDriver.RequestPool': ({ PoolID, Pool }) => typeof PoolID === 'string' && typeof Pool === 'string',
  '/IpamDriver.ReleasePool': () => true,
  '/IpamDriver.RequestAddress': ({ Address }) => typeof Address === 'string' && isOfSubnet(Address),
  '/IpamDriver.ReleaseAddress': () => true,
};

/** An address with the mask of a subnet, as Docker wants it. */
function isOfSubnet(text: string): boolean {
  const [ip = '', prefix = ''] = text.split('/');
  const address = tryParseIp(ip);
  return address !== undefined && formatIp(address) === ip && /^\d{1,3}$/.test(prefix);
}

/** What is wrong with an answer; empty: nothing. Pure. */
export function judgeDriver(call: DriverCall, answer: DriverAnswerSeen, boundMs: number): string[] {
  const wrong: string[] = [];
  const path = call.path.split('?')[0] ?? '';
  const shape = call.method === 'POST' && Object.hasOwn(shapes, path) ? shapes[path] : undefined;
  if (answer.ms > boundMs) wrong.push(`took ${Math.round(answer.ms)} ms`);
  if (answer.status !== (shape === undefined ? 404 : 200)) wrong.push(`status ${answer.status}`);
  if (answer.type !== mediaType) wrong.push(`type ${answer.type || 'none'}`);
  const body = objectOf(answer.text);
  if (body === undefined) return [...wrong, 'no JSON object'];
  if ('Error' in body) {
    const { Error: why } = body;
    if (typeof why !== 'string' || why === '') wrong.push('a refusal without words');
    else if (why.length > maxErrorLength) wrong.push('a refusal longer than a page');
    else if (/the Trunkline agent failed/.test(why)) wrong.push(`a failure: ${why.slice(0, 120)}`);
  } else if (shape?.(body) !== true) wrong.push('an answer without its fields');
  return wrong;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** What Docker would know of its addresses: which are granted, and since when. */
export interface Ledger {
  /** A call is about to be sent. */
  sent(call: DriverCall, at: number): void;
  /** An answer came; what is wrong with it by what is granted already. */
  granted(call: DriverCall, sentAt: number, address: string): string[];
  /** Addresses that are granted now. */
  open(): string[];
}

/** What a call says, read as the driver reads it; null: nothing. */
function said({
  path,
  body,
  method,
}: DriverCall): { path: string; address: string; isGateway: boolean } | null {
  const value = objectOf(body);
  if (method !== 'POST' || value === undefined) return null;
  const options = value['Options'];
  const type =
    typeof options === 'object' && options !== null
      ? (options as Record<string, unknown>)['RequestAddressType']
      : undefined;
  const address = value['Address'];
  return {
    path,
    address: typeof address === 'string' ? address : '',
    isGateway: type === 'com.docker.network.gateway',
  };
}

/**
 * Makes it. `graceMs`: how long an address stays granted that nobody is seen on; it counts from the moment when the call was
 * sent, so that it ends here before it ends for the driver.
 */
export function createLedger(graceMs: number): Ledger {
  const grants = new Map<string, number>();
  const releases = new Map<string, number>();
  // Docker networks have them as long as they are there.
  const gateways = new Set<string>();
  return {
    sent(call, at) {
      const release = said(call);
      if (release?.path !== '/IpamDriver.ReleaseAddress') return;
      const ip = tryParseIp(release.address);
      if (ip === undefined) return;
      grants.delete(formatIp(ip));
      gateways.delete(formatIp(ip));
      releases.set(formatIp(ip), at);
    },
    granted(call, sentAt, address) {
      const request = said(call);
      const [ip = ''] = address.split('/');
      if (request?.isGateway === true) gateways.add(ip);
      if (request === null || request.isGateway) return [];
      const wrong: string[] = [];
      const before = grants.get(ip);
      if (before !== undefined && performance.now() - before < graceMs) wrong.push(`${ip} is granted twice`);
      const pool = String(objectOf(call.body)?.['PoolID']).split('/').slice(1).join('/');
      if (request.address !== '' && !cidrContains(parseCidr(pool), parseIp(ip)))
        wrong.push(`${ip} is not in ${pool}`);
      // A release that was under way may have ended this grant, not the one before.
      if ((releases.get(ip) ?? -1) < sentAt) grants.set(ip, sentAt);
      return wrong;
    },
    open: () => [...grants.keys(), ...gateways],
  };
}
