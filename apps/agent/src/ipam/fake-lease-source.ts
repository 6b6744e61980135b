import { ApiError, ServerUnreachable } from '@trunkline/client';
import type { ErrorCode, Lease, LeaseReturn } from '@trunkline/contracts';
import { errorTable } from '@trunkline/contracts';
import {
  addIp,
  cidrContains,
  formatIp,
  lastAddress,
  networkAddress,
  parseCidr,
  parseIp,
} from '@trunkline/netaddr';
import type { LeaseSource } from './lease-source.ts';

/** One subnet that the fake gives addresses of: all but the first two and the last. */
export type FakeSubnet = { readonly networkId: string; readonly subnet: string };

/** An in-memory server of leases for one host, for tests. */
export type FakeLeaseSource = LeaseSource & {
  /** Leases that the host holds, as the server has it, by `networkId/ip`. */
  readonly held: Map<string, Lease>;
  /** Addresses that others hold: by whom. */
  readonly taken: Map<string, string>;
  /** Reservations: address by MAC or name. */
  readonly reserved: Map<string, string>;
  /** Everything that was given back. */
  readonly returned: LeaseReturn[];
  /** How calls go: `away` cannot be reached, `cut` is carried out and its answer lost, `silent` never answers. */
  mode: 'well' | 'away' | 'cut' | 'silent';
  /** Calls so far, and those of them that claimed. */
  calls: number;
  claims: number;
};

/** Makes one. */
export function createFakeLeaseSource(subnets: readonly FakeSubnet[]): FakeLeaseSource {
  let generation = 0;
  const held = new Map<string, Lease>();
  const taken = new Map<string, string>();
  const reserved = new Map<string, string>();
  const returned: LeaseReturn[] = [];

  function grant(
    networkId: string,
    subnet: string,
    ip: string,
    owner: string | null,
    mac: string | null,
  ): Lease {
    generation += 1;
    const lease: Lease = { networkId, ip, subnet, generation, owner, mac, bound: false };
    held.set(`${networkId}/${ip}`, lease);
    return lease;
  }

  function nextFree(networkId: string, family: string): Lease | null {
    for (const one of subnets) {
      const cidr = parseCidr(one.subnet);
      if (one.networkId !== networkId || (cidr.family === 4) !== (family === 'ipv4')) continue;
      const last = lastAddress(cidr).value;
      for (let at = addIp(networkAddress(cidr), 2n); at.value < last; at = addIp(at, 1n)) {
        const ip = formatIp(at);
        const isFree =
          !held.has(`${networkId}/${ip}`) && !taken.has(ip) && ![...reserved.values()].includes(ip);
        if (isFree) return grant(networkId, one.subnet, ip, null, null);
      }
    }
    return null;
  }

  async function carriedOut<T>(
    fake: FakeLeaseSource,
    signal: AbortSignal | undefined,
    work: () => T,
  ): Promise<T> {
    fake.calls += 1;
    if (fake.mode === 'away') throw new ServerUnreachable('http://fake', 'ECONNREFUSED', null);
    if (fake.mode === 'silent') return await never(signal);
    const answer = structuredClone(work());
    if (fake.mode === 'cut') throw new ServerUnreachable('http://fake', 'ECONNRESET', null);
    return answer;
  }

  const fake: FakeLeaseSource = {
    held,
    taken,
    reserved,
    returned,
    mode: 'well',
    calls: 0,
    claims: 0,
    syncLeases: (sync, options) =>
      carriedOut(fake, options?.signal, () => {
        for (const one of sync.returns) {
          const key = `${one.networkId}/${one.ip}`;
          if (held.get(key)?.generation !== one.generation) continue;
          held.delete(key);
          returned.push(one);
          if (one.reason === 'conflicted') taken.set(one.ip, 'something foreign');
        }
        const listed = sync.held;
        const unlisted =
          listed === null
            ? []
            : [...held.values()].filter(
                (lease) => !listed.some((one) => one.ip === lease.ip && one.networkId === lease.networkId),
              );
        const unknown = (listed ?? [])
          .filter(({ networkId, ip, generation: g }) => held.get(`${networkId}/${ip}`)?.generation !== g)
          .map(({ networkId, ip }) => ({ networkId, ip }));
        const granted: Lease[] = [];
        const short: { networkId: string; family: 'ipv4' | 'ipv6'; missing: number; detail: string }[] = [];
        for (const { networkId, family, count } of sync.wants) {
          for (let number = 0; number < count; number += 1) {
            const lease = nextFree(networkId, family);
            if (lease !== null) granted.push(lease);
            else {
              const detail = `${subnets[0]?.subnet} is full: ${held.size} addresses are held by docker01`;
              short.push({ networkId, family, missing: count - number, detail });
              break;
            }
          }
        }
        return { granted, unlisted, unknown, short };
      }),
    claimLease: ({ networkId, family, ip: asked, mac, name }, options) => {
      fake.claims += 1;
      return carriedOut(fake, options?.signal, () => {
        const key = [mac, name].find((one) => one !== null && reserved.has(one)) ?? null;
        const ip = asked ?? (key === null ? null : (reserved.get(key) ?? null));
        if (ip === null || (ip.includes(':') ? 'ipv6' : 'ipv4') !== family) return { lease: null };
        const known = held.get(`${networkId}/${ip}`);
        if (known !== undefined) return { lease: known };
        const holder = taken.get(ip);
        if (holder !== undefined) throw refusal('address_taken', `${ip} is held by ${holder}`);
        const subnet = subnets.find(
          (one) => one.networkId === networkId && cidrContains(parseCidr(one.subnet), parseIp(ip)),
        );
        if (subnet === undefined) throw refusal('address_not_allocatable', `${ip} is in no subnet`);
        const owner = asked === null ? name : null;
        return {
          lease: grant(
            networkId,
            subnet.subnet,
            ip,
            owner ?? (asked === null ? 'reserved' : null),
            asked === null && mac !== null && reserved.has(mac) ? mac : null,
          ),
        };
      });
    },
  };
  return fake;
}

async function never<T>(signal: AbortSignal | undefined): Promise<T> {
  return await new Promise<T>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function refusal(code: ErrorCode, detail: string): ApiError {
  const { status, title, retryable } = errorTable[code];
  const problem = {
    type: `/docs/errors#${code}`,
    title,
    status,
    code,
    detail,
    instance: '/agent/v1/leases/claim',
    requestId: 'req-1',
    retryable,
  };
  return new ApiError({
    method: 'POST',
    path: '/agent/v1/leases/claim',
    status,
    problem,
    retryAfter: null,
    text: '',
  });
}
