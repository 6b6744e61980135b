import type { Logger } from 'pino';
import type { Sandbox, SandboxInterface, SandboxLook, Sandboxes } from '../../host/sandboxes.ts';
import type { KnownContainers } from '../../host/strays.ts';
import type { Observed } from '../../observation/observed.ts';
import type { NetworkResolver } from '../../observation/stands-for.ts';
import type { SeenAddress, SeenAddresses } from './bindings-plan.ts';
import { isNetworksOwn, keyOf, type LeaseKey, type LeaseRecord } from '../leases/lease-record.ts';
import { liveStatus, shownAddresses, type ShownAddresses } from './seen-addresses.ts';

/** Who has an address, as far as is known. */
export interface Holder {
  readonly name: string | null;
  readonly mac: string | null;
}

/** What is known of one address of this host besides its record. */
export interface Evidence {
  /** On whom the kernel shows it now, null for nobody; `unknown`: the kernel could not be asked. */
  readonly kernel: Holder | null | 'unknown';
  /** On whom Docker showed it at its last look, and when that began; null: on nobody, or there was no look yet. */
  readonly docker: { readonly holder: Holder; readonly at: number } | null;
}

/** Which addresses containers of this host have: as Docker showed it at the last look, and as the kernel shows it. */
export interface LiveAddresses {
  /** As it is now, for one that asks for it. Asks the kernel and never Docker. */
  readonly of: (address: { readonly networkId: string; readonly ip: string }) => Promise<Evidence>;
  /** What a look shows, the kernel asked after it; null where Docker did not answer. `held`: what this host holds. */
  readonly onObservation: (
    observed: Pick<Observed, 'at' | 'docker'>,
    held: ReadonlyMap<LeaseKey, LeaseRecord>,
  ) => Promise<SeenAddresses | null>;
}

/** What live addresses are read with. */
export interface LiveAddressesDeps {
  readonly sandboxes: Sandboxes;
  readonly standsFor: NetworkResolver;
  readonly log: Logger;
}

/** How many containers are remembered, for {@link Sandboxes.seekStrays}. */
const maxIds = 4096;

/** Knows nothing of Docker before the first look. */
export function createLiveAddresses({ sandboxes, standsFor, log }: LiveAddressesDeps): LiveAddresses {
  let last: ShownAddresses | null = null;
  /** What Docker showed at the last look and the kernel did not, as `container address`. */
  let missed: ReadonlySet<string> = new Set();
  let doubted = false;
  /** The kernel showed what Docker shows since this Docker was started: it is looked at in the right place. */
  let proven = false;
  let outageEnd: number | null = null;
  const interfaces = new Map<string, Promise<SandboxInterface | null>>();
  /** Ids of containers that Docker listed while this agent runs, the latest last. */
  const listedIds = new Set<string>();

  /** The containers that Docker lists, and those that it listed before: one that was removed may run all the same. */
  function knownIn(docker: Observed['docker']): KnownContainers {
    const listed = docker.reachable ? docker.containers : [];
    for (const { id } of listed) {
      listedIds.delete(id);
      listedIds.add(id);
    }
    for (const id of [...listedIds].slice(0, Math.max(0, listedIds.size - maxIds))) listedIds.delete(id);
    const live = new Set(listed.flatMap(({ id, status }) => (liveStatus.has(status) ? [id] : [])));
    return { live, others: new Set([...listedIds].filter((id) => !live.has(id))) };
  }

  /**
   * Docker shows the same containers with addresses twice, and the kernel none of them in any: it is looked at in the wrong
   * place, and what it does not show may be there all the same. Not where it has shown one before: Docker goes on
   * showing what has just ended, and looks may follow each other fast.
   */
  function weigh(shown: ShownAddresses, look: SandboxLook, dockerOutageEnd: number | null): void {
    if (outageEnd !== dockerOutageEnd) proven = false;
    outageEnd = dockerOutageEnd;
    if (!look.known || shown.live.length === 0) return;
    // What Docker does not have is found elsewhere than in its folder.
    const isMissing = ({ ip }: SeenAddress): boolean =>
      look.having.get(ip)?.some(({ stray }) => stray !== true) !== true;
    const missing = shown.live.filter(isMissing).map(({ container, ip }) => `${container} ${ip}`);
    const none = missing.length === shown.live.length;
    const before = doubted;
    proven ||= !none;
    doubted = none && !proven && (doubted || missing.some((one) => missed.has(one)));
    missed = new Set(none ? missing : []);
    if (doubted && !before) {
      log.error(
        { missing },
        'the kernel shows no address of any container: is TRUNKLINE_NETNS_DIR the folder "netns" of the exec root of this Docker?',
      );
    }
  }

  /** Asked once for each address of a sandbox, for as long as it has it. */
  function interfaceOf(sandbox: Sandbox, ip: string): Promise<SandboxInterface | null> {
    const name = `${sandbox.inode} ${ip}`;
    const known = interfaces.get(name);
    if (known !== undefined) return known;
    const asked = sandboxes.macvlanWith(sandbox, ip);
    interfaces.set(name, asked);
    return asked;
  }

  function forget(look: SandboxLook): void {
    if (!look.known) return;
    const there = new Set(
      [...look.having].flatMap(([ip, having]) => having.map(({ inode }) => `${inode} ${ip}`)),
    );
    for (const name of interfaces.keys()) if (!there.has(name)) interfaces.delete(name);
  }

  async function inKernel(
    look: SandboxLook & { readonly known: true },
    { networkId, ip }: { readonly networkId: string; readonly ip: string },
  ): Promise<{ readonly sandbox: Sandbox; readonly mac: string | null } | null> {
    for (const sandbox of look.having.get(ip) ?? []) {
      const found = await interfaceOf(sandbox, ip);
      if (found === null || last?.isElsewhere(networkId, ip, found.mac) === true) continue;
      return { sandbox, mac: found.mac };
    }
    return null;
  }

  /** Docker's name for whoever has it. */
  function nameOf(networkId: string, ip: string, mac: string | null): string | null {
    const shown = last?.live.filter((one) => one.networkId === networkId) ?? [];
    const found = shown.find((one) => one.ip === ip) ?? shown.find((one) => mac !== null && one.mac === mac);
    return found?.name ?? null;
  }

  return {
    of: async (address) => {
      const { networkId, ip } = address;
      const shown = last?.live.find((one) => one.networkId === networkId && one.ip === ip);
      const docker =
        last === null || shown === undefined
          ? null
          : { holder: { name: shown.name, mac: shown.mac }, at: last.at };
      const look = await sandboxes.look();
      if (!look.known) {
        log.warn({ why: look.why }, 'the kernel could not be asked which container has an address');
        return { kernel: 'unknown', docker };
      }
      const found = await inKernel(look, address);
      if (found !== null)
        return { kernel: { name: nameOf(networkId, ip, found.mac), mac: found.mac }, docker };
      // On an interface that is no macvlan, as of a Docker network of another driver that asks this one for addresses: only a look at
      // Docker can tell whose it is.
      const isElse = last === null && look.having.has(address.ip);
      return { kernel: doubted || isElse ? 'unknown' : null, docker };
    },
    onObservation: async (observed, held) => {
      const shown = shownAddresses(observed, standsFor);
      if (shown === null) return null;
      const containers = knownIn(observed.docker);
      let look = await sandboxes.look();
      if (isGrantUnseen(held, shown, look)) {
        sandboxes.seekStrays(containers);
        look = await sandboxes.look();
      }
      last = shown;
      weigh(shown, look, observed.docker.reachable ? (observed.docker.outage?.to ?? null) : null);
      forget(look);
      if (!look.known) return { ...shown, kernel: null };
      const listed = new Set(shown.live.map((one) => keyOf(one)));
      const live = [...shown.live];
      const kernel = new Set(shown.live.filter(({ ip }) => look.having.has(ip)).map((one) => keyOf(one)));
      for (const [key, { networkId, ip }] of held) {
        if (listed.has(key) || !look.having.has(ip)) continue;
        const found = await inKernel(look, { networkId, ip });
        if (found === null) continue;
        const name = nameOf(networkId, ip, found.mac) ?? 'a container';
        live.push({ networkId, ip, container: `netns:${found.sandbox.inode}`, name, mac: found.mac });
        kernel.add(key);
      }
      return { ...shown, live, kernel: doubted ? null : kernel };
    },
  };
}

/** A container may have it: it was granted, and no look has cleared it since. */
function mayBeHad(record: LeaseRecord): boolean {
  const { use, cleared } = record;
  if (use === 'released' || use === 'kept') return !cleared;
  return use === 'suspect' || (use === 'used' && !isNetworksOwn(record));
}

/** Whether an address that a container was granted is about to be taken for free: nobody is seen on it. */
function isGrantUnseen(
  held: ReadonlyMap<LeaseKey, LeaseRecord>,
  { live }: ShownAddresses,
  look: SandboxLook,
): boolean {
  if (!look.known) return false;
  const listed = new Set(live.map((one) => keyOf(one)));
  return [...held].some(
    ([key, record]) => mayBeHad(record) && !listed.has(key) && !look.having.has(record.ip),
  );
}
