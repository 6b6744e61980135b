import { randomBytes } from 'node:crypto';
import { checkPath } from '@trunkline/contracts';
import { cidrContains, parseCidr, parseIp } from '@trunkline/netaddr';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import { ApiError } from '../../platform/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  endWireCheck,
  findReference,
  findWireNetwork,
  hostsOfNetwork,
  insertWireCheck,
  lockEndedParts,
  takeHolders,
  type WireHostRow,
  type WireNetwork,
} from './wire-checks.store.ts';
import { waitSeconds, wireTask, type PlannedStation, type WirePlan } from './wire-plan.ts';
import { wireResult, type WirePart } from './wire-verdict.ts';

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
  plan(change: Change, network: string, timeoutSeconds: number): Promise<string>;
  /** A part of it has ended: with the last one the check is over. */
  partEnded(change: Change, id: string): Promise<void>;
  /** Lets go of addresses whose probes are gone. */
  letGo(change: Change): Promise<void>;
}

const maxHosts = 1000;

const isInside = (ip: string, cidr: string): boolean => cidrContains(parseCidr(cidr), parseIp(ip));

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
          why: `it has not been heard since ${lastSeenAt?.toISOString() ?? 'it joined'}`,
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
    async plan(change, name, timeoutSeconds) {
      const query = transactionQuery(change.db);
      const network = await findWireNetwork(query, name);
      if (network === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
      const hosts = await hostsOfNetwork(query, network.id, maxHosts);
      const plan = await planOf(change, network, hosts, timeoutSeconds);
      const made = now();
      const after = (seconds: number): Date => new Date(made.getTime() + seconds * 1000);
      const id = await insertWireCheck(change.db, {
        plan,
        tasks: plan.stations.map(({ hostId }, index) => ({ hostId, task: wireTask(plan, index, isInside) })),
        now: made,
        expiresAt: after(timeoutSeconds),
        holdsUntil: after(timeoutSeconds + waitSeconds),
      });
      change.notifyHosts(plan.stations.map(({ hostId }) => hostId));
      if (plan.stations.length === 0) await checks.partEnded(change, id);
      return id;
    },

    async partEnded(change, id) {
      const ended = await lockEndedParts(transactionQuery(change.db), id);
      if (ended === undefined) return;
      const parts = new Map<string, WirePart>();
      for (const { hostId, state, result, error } of ended.parts) {
        if (hostId === null) continue;
        parts.set(
          hostId,
          state === 'done' && result !== null
            ? result
            : { failed: state === 'expired' ? 'it did not answer in time' : (error ?? 'it gave no reason') },
        );
      }
      const result = wireResult(ended.plan, parts);
      await endWireCheck(change.db, id, result, now());
      change.record({
        type: 'check.done',
        subject: checkPath(id),
        data: { kind: 'wire', findings: result.verdicts.length, message: result.message },
      });
    },

    async letGo(change) {
      for (const { plan } of await takeHolders(transactionQuery(change.db), now())) {
        const owners = plan.stations.map(({ owner }) => owner);
        await deps.addresses.releaseOf(change, { id: plan.networkId, name: plan.network }, owners);
      }
    },
  };
  return checks;
}
