import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';
import { viewFleet } from './fleet-view.ts';
import type { KernelView } from './kernel-view.ts';
import type { Ledger } from './ledger.ts';
import type { Violation } from './observation.ts';
import { apartFrom, twinsOf, unreached } from './reach.ts';
import { unsettled } from './settled.ts';

/** From everything up until nothing is left over, in milliseconds: the product has graces of its own. */
const settleMs = 150_000;
const onlineMs = 120_000;
const pollMs = 500;

/** Where a calm takes place. */
export interface CalmDeps {
  readonly fleet: Fleet;
  readonly network: string;
  readonly view: KernelView;
  readonly ledger: Ledger;
  /** Gives agents their own state back. */
  readonly undoClones: () => Promise<void>;
  /** Undoes what else happened at the edges, once all is up. */
  readonly undoEdges: () => Promise<void>;
  /** Containers whose address an operator took away, by their host. */
  readonly losers: () => readonly { readonly host: string; readonly container: string }[];
  /** Addresses that a foreign machine had at some time. */
  readonly foreign: ReadonlySet<string>;
  readonly now: () => number;
}

/** Starts and mends whatever is not up, as an operator would, and clears away what a removal left behind. */
async function mendAll({ fleet, network, ledger, undoClones, undoEdges, losers }: CalmDeps): Promise<void> {
  const { lab, client } = fleet;
  const names = lab.hosts.map(({ name }) => name);
  await fleet.startServer();
  await Promise.all(names.map(async (name) => await lab.mend(name)));
  await undoClones();
  await Promise.all(names.map(async (name) => await fleet.startAgent(name)));
  await Promise.all(names.map(async (name) => await lab.startDockerd(name)));
  await undoEdges();
  for (const operation of [...ledger.unremoved(), ...losers()]) {
    await lab.host(operation.host).exec(['docker', 'rm', '-f', operation.container]);
    ledger.begin({ do: 'rm', ...operation })('ok');
  }
  await waitFor(
    'every host online with its network',
    async () => {
      const hosts = await client.hosts.list().catch(() => undefined);
      if (hosts?.body.items.every(({ online }) => online) !== true) return false;
      const { status } = (await client.networks.get(network)).body;
      return status.ready && status.hosts.ready === names.length;
    },
    onlineMs,
    200,
  );
}

/** What is still wrong when the time is up; waits no longer than it has to. */
async function settle({
  fleet,
  network,
  view,
  ledger,
  foreign,
  now,
}: CalmDeps): Promise<readonly Violation[]> {
  const end = performance.now() + patient(settleMs);
  for (;;) {
    const byId = {
      isAwaited: (id: string) => ledger.isAwaited(view.nameOf(id)),
      isKnownToServer: (id: string) => ledger.isKnownToServer(view.nameOf(id)),
    };
    const found = unsettled(await viewFleet(fleet, view, network, now(), byId, foreign));
    if (found.length === 0 || performance.now() > end) return found;
    await delay(pollMs);
  }
}

/** Mends everything, waits until nothing is left over, and lets every container be pinged. */
export async function calm(deps: CalmDeps): Promise<readonly Violation[]> {
  await mendAll(deps);
  const left = await settle(deps);
  const { lab } = deps.fleet;
  const apart = new Set([...(await apartFrom(lab)), ...(await twinsOf(lab))]);
  return [...left, ...(await unreached(deps.view, apart, deps.now()))];
}

/** Removes every container, and waits until nothing of them is left in the book. */
export async function clearAll(deps: CalmDeps): Promise<readonly Violation[]> {
  const { fleet } = deps;
  await mendAll(deps);
  for (const host of fleet.lab.hosts) {
    const { stdout } = await host.exec(['docker', 'ps', '-aq', '--no-trunc']);
    const ids = stdout.split('\n').filter((id) => id !== '');
    if (ids.length > 0) await host.exec(['docker', 'rm', '-f', ...ids]);
  }
  return await settle(deps);
}
