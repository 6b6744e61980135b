import { ApiError, ServerUnreachable } from '@trunkline/client';
import type {
  ErrorCode,
  HeldLease,
  Lease,
  LeaseClaim,
  LeaseClaimAnswer,
  LeaseReturn,
  LeaseSync,
  LeaseSyncAnswer,
  LeaseWant,
} from '@trunkline/contracts';
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

/** One subnet that the fake gives addresses of: all but the first two, of which one is the gateway, and the last. */
export interface FakeSubnet {
  readonly networkId: string;
  readonly subnet: string;
}

/**
 * An in-memory server of leases for one host, for tests. lease-source.contract.ts holds it to what the server does; what
 * it has not: other hosts that return something, containers that were reported, and a rest that ends.
 */
export type FakeLeaseSource = LeaseSource & {
  /** Leases that the host holds, as the server has it, by `networkId/ip`. */
  readonly held: Map<string, Lease>;
  /** Addresses that others hold: by whom. */
  readonly taken: Map<string, string>;
  /** Addresses that the subnet excludes: given by no road, and kept by who holds them. */
  readonly excluded: Set<string>;
  /** MACs that others have: who. */
  readonly stations: Map<string, string>;
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

/** Makes one. `quarantines`: what was released is not given in advance; else it is free at once, as without quarantine. */
export function createFakeLeaseSource(
  subnets: readonly FakeSubnet[],
  { quarantines = false }: { readonly quarantines?: boolean } = {},
): FakeLeaseSource {
  let generation = 0;
  const held = new Map<string, Lease>();
  const taken = new Map<string, string>();
  const excluded = new Set<string>();
  const stations = new Map<string, string>();
  const reserved = new Map<string, string>();
  const returned: LeaseReturn[] = [];
  const quarantined = new Set<string>();

  function grant(networkId: string, subnet: string, ip: string): Lease {
    generation += 1;
    const key = reservationOf(ip);
    const mac = key !== null && isMac(key) ? key : null;
    const owner = mac === null ? key : 'reserved';
    const lease: Lease = { networkId, ip, subnet, generation, owner, mac, bound: false };
    held.set(`${networkId}/${ip}`, lease);
    quarantined.delete(`${networkId}/${ip}`);
    return lease;
  }

  function reservationOf(ip: string): string | null {
    return [...reserved].find(([, address]) => address === ip)?.[0] ?? null;
  }

  function nextOf({ networkId, family, subnet }: LeaseWant, isFit: (key: string) => boolean): Lease | null {
    for (const one of subnets) {
      const cidr = parseCidr(one.subnet);
      if (one.networkId !== networkId || (subnet ?? one.subnet) !== one.subnet) continue;
      if ((cidr.family === 4) !== (family === 'ipv4')) continue;
      const last = lastAddress(cidr).value;
      for (let at = addIp(networkAddress(cidr), 2n); at.value < last; at = addIp(at, 1n)) {
        const ip = formatIp(at);
        const key = `${networkId}/${ip}`;
        if (held.has(key) || taken.has(ip) || excluded.has(ip) || reservationOf(ip) !== null) continue;
        if (isFit(key)) return grant(networkId, one.subnet, ip);
      }
    }
    return null;
  }

  function takeReturn(one: LeaseReturn): void {
    const key = `${one.networkId}/${one.ip}`;
    if (held.get(key)?.generation !== one.generation) return;
    held.delete(key);
    returned.push(one);
    if (one.reason === 'conflicted') taken.set(one.ip, 'something foreign');
    if (one.reason === 'released' && quarantines && reservationOf(one.ip) === null) quarantined.add(key);
  }

  function sync({ held: listed, returns, wants }: LeaseSync): LeaseSyncAnswer {
    for (const one of returns) takeReturn(one);
    const mine = [...held.values()];
    const unlisted = mine.filter((lease) =>
      listed === null
        ? returns.some(({ networkId, ip }) => networkId === lease.networkId && ip === lease.ip)
        : !listed.some((one) => isSame(one, lease)),
    );
    const unknown = (listed ?? [])
      .filter((one) => !mine.some((lease) => isSame(one, lease)))
      .map(({ networkId, ip }) => ({ networkId, ip }));
    const granted: Lease[] = [];
    const shortages: LeaseSyncAnswer['shortages'] = [];
    for (const want of wants) {
      const { networkId, family, count, onDemand } = want;
      for (let number = 0; number < count; number += 1) {
        const lease =
          nextOf(want, (key) => !quarantined.has(key)) ??
          (onDemand ? nextOf(want, (key) => quarantined.has(key)) : null);
        if (lease !== null) granted.push(lease);
        else {
          const subnet = want.subnet ?? subnets.find((one) => one.networkId === networkId)?.subnet;
          const detail = `${subnet ?? networkId} is full: ${held.size} addresses are held by docker01`;
          shortages.push({ networkId, family, missing: count - number, detail });
          break;
        }
      }
    }
    return { granted, unlisted, unknown, shortages };
  }

  function claim({ networkId, family, ip: asked, mac, name }: LeaseClaim): LeaseClaimAnswer {
    const key = [mac, name].find((one) => one !== null && reserved.has(one)) ?? null;
    const ip = asked ?? (key === null ? null : (reserved.get(key) ?? null));
    const station = mac === null ? undefined : stations.get(mac);
    if (station !== undefined) throw refusal('mac_in_use', `${mac} is on ${station}`);
    if (ip === null || (ip.includes(':') ? 'ipv6' : 'ipv4') !== family) return { lease: null };
    const holder = taken.get(ip);
    if (holder !== undefined) throw refusal('address_taken', `${ip} is held by ${holder}`);
    const reservation = reservationOf(ip);
    if (reservation !== null && isMac(reservation) && reservation !== mac)
      throw refusal('address_taken', `${ip} is reserved for ${reservation}`);
    const subnet = subnets.find((one) => one.networkId === networkId && mayGive(one.subnet, ip));
    if (subnet === undefined || excluded.has(ip))
      throw refusal('address_not_allocatable', `${ip} cannot be given out`);
    return { lease: grant(networkId, subnet.subnet, ip) };
  }

  async function carriedOut<T>(signal: AbortSignal | undefined, work: () => T): Promise<T> {
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
    excluded,
    stations,
    reserved,
    returned,
    mode: 'well',
    calls: 0,
    claims: 0,
    syncLeases: (asked, options) => carriedOut(options?.signal, () => sync(asked)),
    claimLease: (asked, options) => {
      fake.claims += 1;
      return carriedOut(options?.signal, () => claim(asked));
    },
  };
  return fake;
}

function isSame(a: HeldLease, b: HeldLease): boolean {
  return a.networkId === b.networkId && a.ip === b.ip && a.generation === b.generation;
}

function isMac(key: string): boolean {
  return /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(key);
}

function mayGive(subnet: string, text: string): boolean {
  const cidr = parseCidr(subnet);
  const ip = parseIp(text);
  return (
    cidrContains(cidr, ip) &&
    ip.value >= addIp(networkAddress(cidr), 2n).value &&
    ip.value < lastAddress(cidr).value
  );
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
