import { ApiError, ServerUnreachable } from '@trunkline/client';
import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { createBackups } from './backups.ts';
import { createClones } from './clones.ts';
import type { EdgeOperation } from './operation.ts';
import type { Outcome } from './perform.ts';
import type { Pool } from './pool.ts';
import { auxLink, makeSpareLinks } from './spare-links.ts';

type Result = Omit<Outcome, 'tookMs'>;

/** What edge operations change of what is judged. */
export interface EdgeDeps {
  readonly pool: Pool;
  /** From a moment on, in milliseconds from now, no container may come to an address. */
  readonly forbid: (ip: string, why: string, inMs: number) => void;
  readonly allow: (ip: string, why: string) => void;
  /** Who has the address now may keep it, whatever the book has. */
  readonly excuse: (ip: string) => void;
  /** So may who is being given it, and appears with it within so many milliseconds. */
  readonly excuseComing: (ip: string, withinMs: number) => void;
  /** A foreign machine has an address. */
  readonly foreign: (ip: string) => void;
  /** The book is not held against containers until the next calm. */
  readonly distrustBook: () => void;
}

const ok: Result = { word: 'ok', detail: '' };
const auxNetwork = 'chaos-aux';
/** How long a container may be on its way whose address was asked for before a station came, or before it was taken away. */
const onItsWayMs = 15_000;

const why = { aux: 'a Docker network keeps it', station: 'a station has it', excluded: 'it is excluded' };

export type Edges = ReturnType<typeof createEdges>;

/** Does edge operations. What they are refused is an outcome. */
export function createEdges(fleet: Fleet, network: string, deps: EdgeDeps) {
  const { lab, client } = fleet;
  const backups = createBackups(fleet);
  const clones = createClones(fleet);
  const aux = new Map<string, string>();
  const stations = new Map<string, string>();
  const addresses = new Map<string, string>();
  let excluded: readonly string[] = [];
  /** Nothing is excluded, and the server answered so. */
  let isWhole = true;

  async function auxOn(host: string, ip: string): Promise<Result> {
    const { cidr, gateway } = deps.pool;
    const ipam = ['--ipam-driver', 'trunkline', '--ipam-opt', `network=${network}`];
    const what = ['--subnet', cidr, '--gateway', gateway, '--aux-address', `kept=${ip}`];
    const argv = [
      'docker',
      'network',
      'create',
      '-d',
      'macvlan',
      ...ipam,
      '-o',
      `parent=${auxLink}`,
      ...what,
    ];
    const { code, stderr } = await lab.host(host).exec([...argv, auxNetwork], { timeoutMs: patient(90_000) });
    if (code !== 0) return { word: 'refused', detail: stderr.trim() };
    aux.set(host, ip);
    deps.forbid(ip, why.aux, 0);
    return ok;
  }

  async function auxOff(host: string): Promise<Result> {
    const ip = aux.get(host);
    if (ip === undefined) return { word: 'moot', detail: 'there is none' };
    // Docker asks for it back while it removes the network.
    deps.allow(ip, why.aux);
    const { code, stderr } = await lab.host(host).exec(['docker', 'network', 'rm', auxNetwork]);
    if (code !== 0 && !/No such network|not found/i.test(stderr))
      return { word: 'refused', detail: stderr.trim() };
    aux.delete(host);
    return ok;
  }

  async function stationAt(ip: string): Promise<Result> {
    const { body } = await client.addresses.list(network, { limit: 1000 });
    if (body.items.some((row) => row.ip === ip)) return { word: 'moot', detail: 'it is held' };
    const mac = `02:99:${ip
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join(':')}`;
    const { name } = await lab.addStation({ ip, mac });
    stations.set(ip, name);
    deps.foreign(ip);
    deps.forbid(ip, why.station, onItsWayMs);
    return ok;
  }

  async function stationGone(ip: string): Promise<Result> {
    const name = stations.get(ip);
    if (name === undefined) return { word: 'moot', detail: 'there is none' };
    deps.allow(ip, why.station);
    await lab.removeStation(name);
    stations.delete(ip);
    return ok;
  }

  async function exclude(ips: readonly string[]): Promise<Result> {
    for (const ip of excluded) deps.allow(ip, why.excluded);
    const { cidr, gateway } = deps.pool;
    excluded = ips;
    isWhole = false;
    const { body } = await client.networks.patch(
      network,
      { subnets: [{ cidr, gateway, exclude: [...ips] }] },
      { ifMatch: '*', wait: '20s', timeoutMs: patient(40_000) },
    );
    isWhole = ips.length === 0;
    // Hosts that were not reached do not know it yet.
    if (body.status.hosts.ready === lab.hosts.length)
      for (const ip of ips) deps.forbid(ip, why.excluded, onItsWayMs);
    return ok;
  }

  async function reserve(owner: string): Promise<Result> {
    const { body } = await client.addresses.byOwner(
      network,
      `chaos-${owner}`,
      {},
      { timeoutMs: patient(15_000) },
    );
    const before = addresses.get(owner);
    addresses.set(owner, body.ip);
    if (before === undefined || before === body.ip) return ok;
    return { word: 'fault', detail: `it had ${before} and was answered ${body.ip}` };
  }

  async function release(owner: string): Promise<Result> {
    const ip = addresses.get(owner);
    if (ip === undefined) return { word: 'moot', detail: 'it has none' };
    // Released or not, when no answer comes.
    addresses.delete(owner);
    await client.addresses.release(network, ip, { timeoutMs: patient(15_000) });
    return ok;
  }

  async function forceRelease(ip: string): Promise<Result> {
    deps.excuse(ip);
    deps.excuseComing(ip, onItsWayMs);
    await client.addresses.release(network, ip, { force: true, timeoutMs: patient(15_000) });
    deps.excuse(ip);
    return ok;
  }

  async function restore(): Promise<Result> {
    deps.distrustBook();
    addresses.clear();
    for (const ip of excluded) deps.allow(ip, why.excluded);
    excluded = [];
    isWhole = false;
    await backups.restore();
    return ok;
  }

  async function doIt(edge: EdgeOperation): Promise<Result> {
    switch (edge.do) {
      case 'back up':
        await backups.make();
        return ok;
      case 'restore backup':
        return backups.isThere() ? await restore() : { word: 'moot', detail: 'there is none' };
      case 'clone state':
        await clones.clone(edge.host, edge.from);
        return ok;
      case 'own state':
        await clones.restore(edge.host);
        return ok;
      case 'aux network':
        return await auxOn(edge.host, edge.ip);
      case 'no aux network':
        return await auxOff(edge.host);
      case 'station comes':
        return await stationAt(edge.ip);
      case 'station leaves':
        return await stationGone(edge.ip);
      case 'force release':
        return await forceRelease(edge.ip);
      case 'exclude':
        return await exclude(edge.ips);
      case 'reserve':
        return await reserve(edge.owner);
      case 'release':
        return await release(edge.owner);
    }
  }

  return {
    /** Power off and on, with the links that the other Docker networks hang on. */
    reboot: async (host: string): Promise<void> => {
      await fleet.reboot(host, { afterBoot: async () => await makeSpareLinks(lab.host(host)) });
    },
    take: async (edge: EdgeOperation): Promise<Result> => {
      try {
        return await doIt(edge);
      } catch (error) {
        // The server is down, or went down meanwhile: nobody knows whether it did it.
        if (error instanceof ServerUnreachable) return { word: 'refused', detail: error.message };
        if (!(error instanceof ApiError)) throw error;
        const isFault = error.status >= 500 && error.status !== 503 && error.status !== 507;
        return { word: isFault ? 'fault' : 'refused', detail: `${String(error.status)} ${error.message}` };
      }
    },
    /** Gives agents their own state back: with a copy they do not run. */
    undoClones: async (): Promise<void> => {
      for (const { name } of lab.hosts) await clones.restore(name);
    },
    /** Undoes what else is still in force: stations, kept addresses, exclusions. The server must be up. */
    undo: async (): Promise<void> => {
      for (const { name } of lab.hosts) await auxOff(name);
      for (const ip of stations.keys()) await stationGone(ip);
      if (!isWhole) await exclude([]);
    },
    /** Removes the copies that were taken. */
    close: async (): Promise<void> => {
      await backups.close();
    },
  };
}
