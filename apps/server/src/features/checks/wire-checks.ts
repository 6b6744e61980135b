import { randomBytes } from 'node:crypto';
import type { WireResult, WireTask, WireTaskResult } from '@trunkline/contracts';
import { cidrContains, parseCidr, parseIp } from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  findReference,
  findWireNetwork,
  hostsOfNetwork,
  takeHolders,
  type WireHostRow,
  type WireNetwork,
} from './wire-checks.store.ts';
import { insertWhole, type EndedPart } from './parts.store.ts';
import { whySilent } from './why-silent.ts';
import { wireTask, type PlannedStation, type WirePlan } from './wire-plan.ts';
import { wireResult } from './wire-verdict.ts';

/** What checks of the wire need of other features. */
export interface WireChecksDeps {
  hosts: { isOnline(host: { lastSeenAt: Date | null }): boolean };
  addresses: {
    reserveNext(change: Change, request: { network: string; family: 4 | 6; owner: string }): Promise<string>;
    releaseOf(
      change: Change,
      network: { id: string; name: string },
      owners: readonly string[],
    ): Promise<void>;
  };
}

/** Checks of the wire, on all hosts of a network at once. */
export interface WireChecks {
  /** Writes the check down; answers its id. */
  create(change: Change, network: string, timeoutSeconds: number): Promise<string>;
  /** Addresses and MACs of a probe for each host that is online, of `only` or of all. Takes the addresses. */
  plan(
    change: Change,
    network: WireNetwork,
    timeoutSeconds: number,
    only?: ReadonlySet<string>,
  ): Promise<WirePlan>;
  /** What the parts say together. */
  result(plan: WirePlan, parts: readonly EndedPart[]): WireResult;
  /** Lets go of addresses whose probes are gone. */
  letGo(change: Change): Promise<void>;
}

const maxHosts = 1000;

const isInside = (ip: string, cidr: string): boolean => cidrContains(parseCidr(cidr), parseIp(ip));

/** What the station at `index` is asked to do. */
export const taskOf = (plan: WirePlan, index: number, seconds?: number): WireTask =>
  wireTask(plan, index, isInside, seconds);

/** Whether its probes have addresses, which are released once they are gone. */
export const holdsAddresses = ({ stations }: WirePlan): boolean =>
  stations.some(({ addresses }) => addresses.length > 0);

/** A MAC of a probe: its prefix is that of all probes of agents (unicast, locally administered). */
function randomMac(): string {
  const octets = randomBytes(4).toString('hex').match(/../g) ?? [];
  return ['d6', '4c', ...octets].join(':');
}

export function createWireChecks({ now }: Pick<Platform, 'now'>, deps: WireChecksDeps): WireChecks {
  async function addressesFor(
    change: Change,
    { name, subnets }: WireNetwork,
    owner: string,
  ): Promise<PlannedStation['addresses']> {
    const taken: PlannedStation['addresses'] = [];
    for (const family of [4, 6] as const) {
      if (!subnets.some((one) => one.family === family)) continue;
      try {
        const ip = await deps.addresses.reserveNext(change, { network: name, family, owner });
        const subnet = subnets.find(({ cidr }) => isInside(ip, cidr));
        if (subnet !== undefined) taken.push({ ip, prefix: subnet.prefix });
      } catch (error) {
        // Without an address a probe is heard all the same.
        if (!(error instanceof ApiError)) throw error;
      }
    }
    return taken;
  }

  async function planOf(
    change: Change,
    network: WireNetwork,
    hosts: readonly WireHostRow[],
    timeoutSeconds: number,
  ): Promise<WirePlan> {
    const query = transactionQuery(change.db);
    const online = hosts.filter((host) => deps.hosts.isOnline(host));
    const reference = await findReference(
      query,
      network,
      online.map(({ id }) => id),
    );
    const stations: PlannedStation[] = [];
    for (const { id, name } of online) {
      const owner = `check:${name}:${randomBytes(6).toString('hex')}`;
      stations.push({
        host: name,
        hostId: id,
        mac: randomMac(),
        owner,
        addresses: await addressesFor(change, network, owner),
        referenceMac: reference?.hostIds.includes(id) === true ? randomMac() : null,
      });
    }
    return {
      network: network.name,
      networkId: network.id,
      vlan: network.vlan,
      mtu: network.mtu,
      stations,
      left: hosts
        .filter((host) => !online.includes(host))
        .map(({ name, lastSeenAt }) => ({
          host: name,
          why: whySilent(lastSeenAt),
        })),
      gateways: network.subnets.flatMap(({ cidr, gateway }) =>
        gateway === null ? [] : [{ cidr, ip: gateway }],
      ),
      reference:
        reference === undefined
          ? null
          : { networkId: reference.networkId, network: reference.network, vlan: reference.vlan },
      timeoutSeconds,
    };
  }

  const checks: WireChecks = {
    async create(change, name, timeoutSeconds) {
      const network = await findWireNetwork(transactionQuery(change.db), name);
      if (network === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
      const plan = await checks.plan(change, network, timeoutSeconds);
      const id = await insertWhole(change.db, {
        kind: 'wire',
        spec: plan,
        tasks: plan.stations.map(({ hostId }, index) => ({ hostId, task: taskOf(plan, index) })),
        timeoutSeconds,
        holdsAddresses: holdsAddresses(plan),
        now: now(),
      });
      change.notifyHosts(plan.stations.map(({ hostId }) => hostId));
      return id;
    },

    async plan(change, network, timeoutSeconds, only) {
      const hosts = await hostsOfNetwork(transactionQuery(change.db), network.id, maxHosts);
      const those = only === undefined ? hosts : hosts.filter(({ id }) => only.has(id));
      return await planOf(change, network, those, timeoutSeconds);
    },

    result: (plan, parts) =>
      wireResult(
        plan,
        new Map(
          parts.map((part) => [
            part.hostId,
            part.result === null ? { failed: part.failed } : (part.result as WireTaskResult),
          ]),
        ),
      ),

    async letGo(change) {
      for (const { plan } of await takeHolders(transactionQuery(change.db), now())) {
        const owners = plan.stations.map(({ owner }) => owner);
        await deps.addresses.releaseOf(change, { id: plan.networkId, name: plan.network }, owners);
      }
    },
  };
  return checks;
}
