import {
  containerSettings,
  networkSettings,
  type DesiredContainer,
  type DesiredDocument,
  type DesiredNetwork,
  type Settings,
} from '@trunkline/contracts';
import type { ContainerRoute } from '../host/container-routes.ts';
import { createFakeDockerEngine, type FakeDockerEngine } from '../host/docker-engine.fake.ts';
import { createFakeKernel, type FakeKernel } from '../host/kernel.fake.ts';
import { createFakeHostRoutes, type FakeHostRoutes } from '../host/host-routes.fake.ts';
import { createFakeLinks, type FakeLinks } from '../host/links.fake.ts';
import type { AdoptionStore } from '../observation/adoption.ts';
import { applySteps, type ApplyDeps } from './apply.ts';
import { withDetached, withoutDetached, type Detached, type DetachedStore } from '../observation/detached.ts';
import { createHostAccessLook } from '../observation/host-access.ts';
import type { LinksToRestoreStore } from '../observation/links-to-restore.ts';
import {
  emptyStackMemory,
  remembered,
  type StackMemory,
  type StackStore,
} from '../observation/stack-memory.ts';
import { observe, type ObserveSources } from '../observation/observe.ts';
import { servingBook, type ObservedBook, type Observed } from '../observation/observed.ts';
import { planHost } from '../plan/plan.ts';
import type { Step } from '../plan/steps.ts';

/** Id number n, in the shape the server gives them. */
export function id(n: number): string {
  return `0192f0c1-6d7e-7a52-9c1b-${n.toString(16).padStart(12, '0')}`;
}

/** The settings that a document has, as they are where nobody set them; what must be set is undefined. */
function defaults<Document, S extends Settings>(settings: S): Pick<Document, keyof Document & keyof S> {
  const inDocuments = Object.entries(settings).filter(([, { document: schema }]) => schema !== null);
  return Object.fromEntries(inDocuments.map(([name, { whenAbsent }]) => [name, whenAbsent])) as never;
}

/** `mac_net1` of scenario S1, with the changes. */
export function network(change: Partial<DesiredNetwork> = {}): DesiredNetwork {
  return {
    ...defaults<DesiredNetwork, typeof networkSettings>(networkSettings),
    id: id(1),
    name: 'mac_net1',
    generation: 1,
    state: 'present',
    force: false,
    parent: 'ens33',
    subnets: [{ cidr: '172.16.100.0/24', gateway: '172.16.100.1' }],
    ...change,
  };
}

/** `box1` of scenario S1, with the changes. */
export function container(change: Partial<DesiredContainer> = {}): DesiredContainer {
  return {
    ...defaults<DesiredContainer, typeof containerSettings>(containerSettings),
    id: id(101),
    name: 'box1',
    generation: 1,
    state: 'present',
    image: 'busybox',
    tty: true,
    stdinOpen: true,
    labels: {},
    networkMode: null,
    attachments: [
      { networkId: id(1), network: 'mac_net1', address: '172.16.100.10', address6: null, mac: null },
    ],
    ...change,
  };
}

/** A desired document of one host. */
export function document(
  networks: readonly DesiredNetwork[],
  containers: readonly DesiredContainer[] = [],
  revision = '1',
): DesiredDocument {
  return {
    hostId: id(999),
    revision,
    heartbeatSeconds: 10,
    networks: [...networks],
    containers: [...containers],
    recalls: [],
    checks: [],
  };
}

/** A host in memory: `ens33` up, Docker 20.10 with `busybox`. */
export interface FakeHost {
  readonly links: FakeLinks;
  readonly docker: FakeDockerEngine;
  readonly kernel: FakeKernel;
  readonly detached: Pick<DetachedStore, 'add' | 'forget'>;
  /** Of changes that were undone: none. */
  readonly linksToRestore: Pick<LinksToRestoreStore, 'forget'>;
  readonly stacks: Pick<StackStore, 'begin' | 'end'>;
  /** What is remembered of shared stacks. */
  readonly stackMemory: () => StackMemory;
  /** What a look is taken from. */
  readonly sources: ObserveSources;
  /** Sets the number of interfaces of a running container, as when the link below them vanished. */
  readonly setInterfaces: (pid: number, count: number) => void;
  /** Makes the default routes inside a running container these, as Docker does when it starts. */
  readonly setRoutes: (pid: number, routes: readonly ContainerRoute[]) => void;
  readonly routesOf: (pid: number) => readonly ContainerRoute[];
  readonly setDefaultRoute: ApplyDeps['setDefaultRoute'];
  /** Routes between the host and its containers. */
  readonly hostRoutes: FakeHostRoutes;
  readonly changeShimRoutes: ApplyDeps['changeShimRoutes'];
  readonly changeHostRoutes: ApplyDeps['changeHostRoutes'];
  /** The state of the address book; at first one that serves. */
  readonly setBook: (book: ObservedBook) => void;
  readonly adopted: Record<string, string>;
  readonly adoption: Pick<AdoptionStore, 'adopt' | 'forget'>;
  readonly look: (desired: DesiredDocument) => Promise<Observed>;
  /** Every step wanted now. */
  readonly steps: (desired: DesiredDocument) => Promise<Step[]>;
  /** Looks, plans and applies until nothing is left to do or something fails; answers the steps that were taken. */
  readonly settle: (desired: DesiredDocument, onStep?: ApplyDeps['onStep']) => Promise<Step[]>;
  /** What would have changed the host since the last call. */
  readonly changes: () => string[];
}

/** Makes such a host, with no networks and no containers. */
export function createFakeHost(
  options: { readonly version?: string; readonly apiVersion?: string; readonly dataRoot?: string } = {},
): FakeHost {
  const links = createFakeLinks([{ name: 'ens33', up: true, carrier: true, operState: 'UP' }]);
  const docker = createFakeDockerEngine(options);
  docker.addImage('busybox');
  const adopted: Record<string, string> = {};
  const adoption: FakeHost['adoption'] = {
    adopt: async (networkId, dockerId) => {
      adopted[networkId] = dockerId;
    },
    forget: async (networkId) => {
      delete adopted[networkId];
    },
  };
  const kernel = createFakeKernel();
  kernel.setDefaultRoute('ens33');
  let detachedNow: Detached = {};
  const detached: FakeHost['detached'] = {
    add: async (networkId, containers) => {
      detachedNow = withDetached(detachedNow, networkId, containers);
    },
    forget: async (networkId, containerId) => {
      detachedNow = withoutDetached(detachedNow, networkId, containerId);
    },
  };
  const linksToRestore: FakeHost['linksToRestore'] = { forget: async () => {} };
  let stackMemory = emptyStackMemory;
  const stacks: FakeHost['stacks'] = {
    begin: async (sharer) => {
      stackMemory = { ...stackMemory, restarting: { ...stackMemory.restarting, [sharer]: Date.now() } };
    },
    end: async (sharer) => {
      const { [sharer]: _, ...restarting } = stackMemory.restarting;
      stackMemory = { ...stackMemory, restarting };
    },
  };
  const interfaces = new Map<number, number>();
  const routes = new Map<number, readonly ContainerRoute[]>();
  const setDefaultRoute: FakeHost['setDefaultRoute'] = async (pid, family, gateway) => {
    const others = (routes.get(pid) ?? []).filter((route) => route.family !== family);
    routes.set(pid, [...others, { family, gateway, link: 'eth0' }]);
  };
  const hostRoutes = createFakeHostRoutes(links);
  const changeShimRoutes = hostRoutes.change;
  const changeHostRoutes = hostRoutes.changeInside;
  let book = servingBook;
  let clock = 0;
  const sources: ObserveSources = {
    links,
    docker,
    kernel,
    interfacesOf: async (pid) => interfaces.get(pid) ?? null,
    routesOf: async (pid) => routes.get(pid) ?? null,
    shimRoutesOf: hostRoutes.list,
    hostAccessOf: createHostAccessLook(docker, async (pid) => hostRoutes.inside(pid)),
    adopted: () => ({ ...adopted }),
    detached: () => detachedNow,
    stackMemory: () => stackMemory,
    book: () => book,
    now: () => (clock += 1),
  };
  const look = async (desired: DesiredDocument) => {
    const observed = await observe(sources, desired);
    if (observed.docker.reachable) stackMemory = remembered(stackMemory, observed.docker);
    return observed;
  };
  const steps = async (desired: DesiredDocument) => wantedSteps(desired, await look(desired));
  return {
    links,
    docker,
    kernel,
    detached,
    linksToRestore,
    stacks,
    stackMemory: () => stackMemory,
    sources,
    setBook: (to) => {
      book = to;
    },
    setInterfaces: (pid, count) => void interfaces.set(pid, count),
    setRoutes: (pid, to) => void routes.set(pid, to),
    routesOf: (pid) => routes.get(pid) ?? [],
    setDefaultRoute,
    hostRoutes,
    changeShimRoutes,
    changeHostRoutes,
    adopted,
    adoption,
    look,
    steps,
    settle: async (desired, onStep) => {
      const taken: Step[] = [];
      for (let round = 0; round < 12; round += 1) {
        const wanted = await steps(desired);
        if (wanted.length === 0) return taken;
        const observed = await look(desired);
        const host = planHost(desired, observed);
        for (const key of host.keys()) {
          const plan = host.item(key);
          const { done, failed } = await applySteps(plan?.steps ?? [], {
            links,
            kernel,
            docker,
            adoption,
            detached,
            linksToRestore,
            stacks,
            setDefaultRoute,
            changeShimRoutes,
            changeHostRoutes,
            ...(onStep === undefined ? {} : { onStep }),
          });
          taken.push(...(plan?.steps.slice(0, done.length) ?? []));
          if (failed !== null && round > 8) throw failed.error;
        }
      }
      throw new Error('does not settle');
    },
    changes: () =>
      [...links.calls.splice(0), ...kernel.calls.splice(0), ...docker.calls.splice(0)].map(
        ({ method }) => method,
      ),
  };
}

/** What a killed agent ends with. */
export class Killed extends Error {}

/** Ends `settle` before its n-th step, as a killed agent does. */
export function killAt(n: number): () => void {
  let moments = 0;
  return () => {
    if (moments === n * 2) throw new Killed();
    moments += 1;
  };
}

/** Every step of every item. */
function wantedSteps(desired: DesiredDocument, observed: Observed): Step[] {
  const plan = planHost(desired, observed);
  return plan.keys().flatMap((key) => plan.item(key)?.steps ?? []);
}
