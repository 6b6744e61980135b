import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { must } from '../e2e/outside.ts';
import { containerdKept } from './docker-words.ts';
import { secondNetwork } from './spare-links.ts';
import type { KernelView } from './kernel-view.ts';
import type { Boxed, BookRow, Settled } from './settled.ts';

/** As `docker container inspect` shows it, as far as is asked. */
interface Inspected {
  readonly Id: string;
  readonly State: { readonly Running: boolean; readonly Error: string };
  readonly HostConfig: { readonly RestartPolicy: { readonly Name: string } };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, Attachment | undefined>>;
  };
}

interface Attachment {
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly IPAMConfig: { readonly IPv4Address?: string } | null;
}

/** What the run did to containers, by their ids. */
export interface BoxLedger {
  /** Nobody stopped it. */
  readonly isAwaited: (id: string) => boolean;
  /** The server was asked for its Ethernet address. */
  readonly isKnownToServer: (id: string) => boolean;
}

/** The containers of a host, as its Docker lists them. */
async function boxesOn(
  fleet: Fleet,
  host: string,
  network: string,
  ledger: BoxLedger,
): Promise<readonly Boxed[]> {
  const lab = fleet.lab.host(host);
  const ids = (await must(lab, 'docker', 'ps', '-aq', '--no-trunc')).split('\n').filter((id) => id !== '');
  if (ids.length === 0) return [];
  const all = JSON.parse(await must(lab, 'docker', 'container', 'inspect', ...ids)) as Inspected[];
  return all.map(({ Id, State, HostConfig, NetworkSettings }) => {
    const attachment = NetworkSettings.Networks[network] ?? NetworkSettings.Networks[secondNetwork];
    return {
      host,
      container: Id,
      running: State.Running,
      // A refused `network connect` of a running container stays listed, without an endpoint (seen with 20.10).
      attached: attachment !== undefined && (!State.Running || attachment.EndpointID !== ''),
      error: State.Error,
      pin: attachment?.IPAMConfig?.IPv4Address || null,
      mac: attachment?.MacAddress || null,
      known: ledger.isKnownToServer(Id),
      awaited:
        HostConfig.RestartPolicy.Name !== 'no' && ledger.isAwaited(Id) && !containerdKept.test(State.Error),
    };
  });
}

async function readRows(fleet: Fleet, network: string): Promise<readonly BookRow[]> {
  const rows: BookRow[] = [];
  for await (const { ip, state, host, owner, quarantinedUntil } of fleet.client.addresses.all(network, {
    limit: 1000,
  })) {
    const overMs = quarantinedUntil === null ? null : Date.now() - Date.parse(quarantinedUntil);
    rows.push({ ip, state, host, owner, overdueMs: overMs !== null && overMs > 0 ? overMs : null });
  }
  return rows;
}

/** Everything that {@link Settled} speaks of, as it is now. Everything must be up. */
export async function viewFleet(
  fleet: Fleet,
  view: KernelView,
  network: string,
  at: number,
  ledger: BoxLedger,
  foreign: ReadonlySet<string>,
): Promise<Settled> {
  const hosts = fleet.lab.hosts.map(({ name }) => name);
  const boxes = await Promise.all(hosts.map((host) => boxesOn(fleet, host, network, ledger)));
  const rows = await readRows(fleet, network);
  const { body } = await fleet.client.networks.get(network);
  return {
    at,
    hosts,
    warm: body.warm,
    live: view.live(),
    rows,
    foreign,
    boxes: boxes.flat(),
    allocatable: Number(body.status.addresses.allocatable),
    free: Number(body.status.addresses.free),
  };
}
