import type { AgentClient } from '@trunkline/client';
import type { DesiredDocument, DesiredNetwork } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { DockerContainerDetail, DockerEngine } from '../host/docker-engine.ts';
import { DockerNotFound } from '../host/docker-errors.ts';
import type { Timing } from '../lib/timing.ts';
import { createWaker } from '../lib/waker.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';
import type { ConditionDraft } from '../plan/conditions.ts';
import { managedNetworks } from '../plan/managed-networks.ts';
import { planHost } from '../plan/plan.ts';
import { createBlocks, type BlocksDone } from './blocks.ts';
import type { HostsFiles } from './hosts-files.ts';
import { aliasesOn, inspectionKey, localContainers, ownName, type LocalContainer } from './local-names.ts';
import { namesConditions, type NamesStanding } from './names-conditions.ts';
import { namesFile, sharedNames, type NamesFile, type NetworkNames } from './names-plan.ts';
import { pollNames } from './names-poll.ts';
import type { NamesStore } from './names-store.ts';

/** What names are kept with. */
export interface NamesDeps {
  /** Name of this host in the fleet. */
  readonly host: string;
  readonly docker: Pick<DockerEngine, 'container' | 'dataRoot'>;
  readonly store: NamesStore;
  readonly files: HostsFiles;
  /** What is to be carried out now. */
  readonly desired: () => DesiredDocument | null;
  /** There may be something new to report. */
  readonly onNews: () => void;
  readonly timing: Timing;
  readonly log: Logger;
}

/** Keeps the names of the networks with `names` in the hosts files of the containers of this host. */
export interface Names {
  /** A look ended. */
  readonly onObservation: (observed: Observed) => void;
  /** Another document is to be carried out. */
  readonly desiredChanged: () => void;
  /** The conditions of a network with names; none for others, and none before the first look. */
  readonly conditionsOf: (network: DesiredNetwork) => readonly ConditionDraft[];
  /** Names of a container on a Docker network beside its own; null: nobody looked. */
  readonly aliasesOf: (containerId: string, dockerNetworkId: string) => readonly string[] | null;
  /**
   * The networks with names of this host as they are known now, by name; the same value as long as nothing changes. Null: it is not
   * known which networks there are.
   */
  readonly known: () => readonly KnownNetwork[] | null;
  /** Takes the names of other hosts from the server until aborted, then lets the running work end. */
  readonly run: (
    client: Pick<AgentClient, 'names'>,
    heartbeatMs: () => number,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** What this host knows of the names of a network. */
export interface KnownNetwork extends NetworkNames {
  /** CIDRs of its subnets. */
  readonly subnets: readonly string[];
  /** All names are known: those of this host were seen, and the server sent all others. */
  readonly isComplete: boolean;
}

/** Everything that names follow from. */
interface Content {
  readonly key: string;
  readonly networks: readonly KnownNetwork[];
  /** Blocks by the networks that a container is on; the same objects as long as nothing changes. */
  readonly files: Map<string, NamesFile>;
}

const nothing: Content = { key: '', networks: [], files: new Map() };

/** Wires the looks at this host, the names that the server sent, and the files. Starts with {@link Names.run}. */
export function createNames(deps: NamesDeps): Names {
  const { store, docker, log } = deps;
  const waker = createWaker();
  const blocks = createBlocks(deps.files);
  /** Running containers in full, by what they are on. */
  let details: ReadonlyMap<string, DockerContainerDetail> = new Map();
  let standings: ReadonlyMap<string, NamesStanding> = new Map();
  let aliases: ReadonlyMap<string, readonly string[]> = new Map();
  let content = nothing;
  let known: readonly KnownNetwork[] | null = null;
  /** The last look at which Docker answered. */
  let latest: (Observed & { readonly docker: ObservedDocker }) | null = null;
  /** Docker's folder, as of this start of Docker. */
  let root: { readonly path: string; readonly since: number | null } | null = null;
  let wereOn = false;
  let work: Promise<void> | null = null;
  let again = false;
  const ended = new AbortController();

  const wanted = (): readonly DesiredNetwork[] =>
    (deps.desired()?.networks ?? [])
      .filter(({ names, state }) => names && state === 'present')
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const detailOf = ({ container }: LocalContainer): DockerContainerDetail | null =>
    details.get(inspectionKey(container)) ?? null;

  function kick(): void {
    again = true;
    if (work !== null || ended.signal.aborted) return;
    work = workOff().finally(() => {
      work = null;
      if (again) kick();
    });
  }

  async function workOff(): Promise<void> {
    while (again && !ended.signal.aborted) {
      again = false;
      try {
        await settle();
      } catch (error) {
        // The next look tries again.
        log.warn({ err: error }, 'the names of containers could not be kept');
      }
    }
  }

  /** Brings all hosts files of this host to what they should have now. */
  async function settle(): Promise<void> {
    const desired = deps.desired();
    const observed = latest;
    if (desired === null) return;
    const networks = wanted();
    if (observed === null) {
      content = contentOf(networks, null);
      known = content.networks;
      return;
    }
    // Where names were never on, no file is looked at.
    if (networks.length === 0 && !wereOn && store.current() === null) {
      known = nothing.networks;
      return;
    }
    wereOn = true;
    const managed = managedNetworks(planHost(desired, observed), desired, observed.docker);
    const locals = localContainers(observed.docker, managed, new Set(networks.map(({ id }) => id)));
    details = await inspect(locals);
    content = contentOf(networks, locals);
    known = content.networks;
    const put = await blocks.put(
      locals.map((local) => ({ local, detail: detailOf(local), lines: fileOf(local).lines })),
      await dataRootOf(observed.docker),
    );
    for (const failure of put.failures.values()) log.warn({ failure }, 'a hosts file could not be kept');
    noteStandings(locals, put);
  }

  /** Docker may have another folder after it was away. */
  async function dataRootOf({ outage }: ObservedDocker): Promise<string> {
    const since = outage?.to ?? null;
    if (root?.since !== since) root = { path: await docker.dataRoot(), since };
    return root.path;
  }

  /** Looks at the containers on networks with names in full; what was seen of one stays as long as its endpoints do. */
  async function inspect(locals: readonly LocalContainer[]): Promise<Map<string, DockerContainerDetail>> {
    const found = new Map<string, DockerContainerDetail>();
    await Promise.all(
      locals
        .filter(({ networks }) => networks.size > 0)
        .map(async ({ container }) => {
          const key = inspectionKey(container);
          const detail = details.get(key) ?? (await containerIfAny(docker, container.id));
          if (detail !== null) found.set(key, detail);
        }),
    );
    return found;
  }

  /**
   * All that runs on the networks: of this host as it was seen now (null: nobody has looked yet), of others as the server sent
   * it.
   */
  function contentOf(networks: readonly DesiredNetwork[], locals: readonly LocalContainer[] | null): Content {
    const all = networks.map(({ id, name, subnets }): KnownNetwork => {
      const own = (locals ?? []).flatMap((local) => ownName(local, id, detailOf(local), deps.host) ?? []);
      const sent = sentOf(id);
      const others = (sent?.containers ?? []).map((one) => ({
        ...one,
        isOwn: false,
        since: Date.parse(one.since),
      }));
      return {
        id,
        name,
        subnets: subnets.map(({ cidr }) => cidr),
        isComplete: locals !== null && sent?.truncated === false,
        containers: [...own, ...others],
      };
    });
    const key = JSON.stringify(all);
    return key === content.key ? content : { key, networks: all, files: new Map() };
  }

  const sentOf = (id: string) => store.current()?.networks.find(({ networkId }) => networkId === id);

  function fileOf({ networks }: LocalContainer): NamesFile {
    const on = content.networks.filter(({ id }) => networks.has(id));
    const key = on.map(({ id }) => id).join(' ');
    const file = content.files.get(key) ?? namesFile(on);
    content.files.set(key, file);
    return file;
  }

  function noteStandings(locals: readonly LocalContainer[], { written, failures }: BlocksDone): void {
    const before = JSON.stringify([[...standings], [...aliases]]);
    standings = new Map(
      content.networks.map((network) => {
        const on = locals.filter(({ networks }) => networks.has(network.id));
        const sent = sentOf(network.id);
        return [
          network.id,
          {
            files: on.filter(({ container }) => written.has(container.id)).length,
            failures: on.flatMap(({ container }) => failures.get(container.id) ?? []),
            cut: Math.max(0, ...on.map((local) => fileOf(local).cut)),
            truncated: sent?.truncated ?? false,
            isHeard: sent !== undefined,
            shared: sharedNames(network),
          },
        ];
      }),
    );
    aliases = new Map(
      locals.flatMap((local) => {
        const detail = detailOf(local);
        if (detail === null) return [];
        return [...local.networks.values()].map((id) => [
          `${local.container.id} ${id}`,
          aliasesOn(detail, id),
        ]);
      }),
    );
    if (JSON.stringify([[...standings], [...aliases]]) !== before) deps.onNews();
  }

  return {
    onObservation: (observed) => {
      const { docker: seen } = observed;
      if (!seen.reachable) return;
      latest = { ...observed, docker: seen };
      kick();
    },
    desiredChanged: () => {
      waker.wake('now');
      kick();
    },
    conditionsOf: ({ id, names }) => {
      const standing = names ? standings.get(id) : undefined;
      return standing === undefined ? [] : namesConditions(standing);
    },
    known: () => known,
    aliasesOf: (containerId, dockerNetworkId) => aliases.get(`${containerId} ${dockerNetworkId}`) ?? null,
    run: async (client, heartbeatMs, signal) => {
      try {
        await pollNames(
          {
            client,
            store,
            isWanted: () => wanted().length > 0,
            waker,
            heartbeatMs,
            onChange: kick,
            timing: deps.timing,
            log,
          },
          signal,
        );
      } finally {
        ended.abort();
        await work;
      }
    },
  };
}

/** Null for a container that was removed between the list and its inspection. */
async function containerIfAny(
  docker: NamesDeps['docker'],
  id: string,
): Promise<DockerContainerDetail | null> {
  try {
    return await docker.container(id);
  } catch (error) {
    if (error instanceof DockerNotFound) return null;
    throw error;
  }
}
