import type { ContainerHostAccess } from '../host/container-host-routes.ts';
import type { ContainerRoute } from '../host/container-routes.ts';
import type {
  DockerContainer,
  DockerContainerDetail,
  DockerNetwork,
  DockerVersion,
} from '../host/docker-engine.ts';
import type { KernelState } from '../host/kernel.ts';
import type { Link } from '../host/links.ts';
import type { ShimRoute } from '../host/shim-routes.ts';
import type { Detached } from './detached.ts';
import type { LinksToRestore } from './links-to-restore.ts';
import type { Permissions } from './permissions.ts';
import type { StackMemory } from './stack-memory.ts';
import type { StackSharer } from './stack-sharers.ts';
import type { WireState } from './wire-state.ts';

/** The state of this host, as of one look. */
export interface Observed {
  /** When the look began, milliseconds since 1970. */
  readonly at: number;
  readonly links: readonly Link[];
  /** The link of the best default route, IPv4 before IPv6; null without one. */
  readonly defaultRoute: string | null;
  readonly kernel: KernelState;
  readonly docker: ObservedDocker | DockerDown;
  /** Networks that were there before us and that we use: our network id to Docker's. */
  readonly adopted: Readonly<Record<string, string>>;
  /** Containers that we took off a network and have yet to connect again. */
  readonly detached: Detached;
  /** Links that changes which were undone have set up, and that have yet to be looked after. */
  readonly linksToRestore: LinksToRestore;
  /** How far the wire can be asked and announced to. */
  readonly wire: WireState;
  readonly book: ObservedBook;
  /** What the agent may do here. Left out: everything. */
  readonly permitted?: Permissions;
  /** The routes of this host over each of its shims, by name. */
  readonly shimRoutes?: ReadonlyMap<string, readonly ShimRoute[]>;
}

/** The address book of this host, which Docker asks for addresses. */
export interface ObservedBook {
  /** Why Docker cannot ask it; null: it can. */
  readonly notServing: string | null;
  /** Addresses that Docker networks of this host were given for a gateway that they do not have, by earlier agents. */
  readonly standIns?: readonly StandIn[];
}

/** An address of a subnet that Docker was given for its gateway, which the network does not have. */
export interface StandIn {
  readonly networkId: string;
  readonly subnet: string;
  readonly ip: string;
  /** When, milliseconds since 1970. */
  readonly since: number;
}

/** A book that serves. */
export const servingBook: ObservedBook = { notServing: null };

/** Docker's part of a look. */
export interface ObservedDocker {
  readonly reachable: true;
  readonly version: DockerVersion;
  readonly networks: readonly DockerNetwork[];
  readonly containers: readonly DockerContainer[];
  /** In full, by Docker's id: ours, those that have a name we want, and those that can show why they do not run. */
  readonly details: ReadonlyMap<string, DockerContainerDetail>;
  /** Containers of others that should run and whose last start failed at their network. */
  readonly failedStarts: readonly DockerContainerDetail[];
  /**
   * How many network interfaces a running container really has, lo left out, by Docker's id; absent where nobody
   * could look. Docker does not notice that one vanished with the link below it.
   */
  readonly interfaces: ReadonlyMap<string, number>;
  /** Default routes inside running containers on several networks, by Docker's id; absent where nobody could look. */
  readonly routes: ReadonlyMap<string, readonly ContainerRoute[]>;
  /**
   * What running containers on the parent of a shim have of the way to this host, by Docker's id; absent where nobody could look.
   */
  readonly hostAccess?: ReadonlyMap<string, ContainerHostAccess>;
  /** Containers of others that share the network stack of a container on one of our networks. Left out: none. */
  readonly stackSharers?: readonly StackSharer[];
  /** Those whose restart has not come to its end: see `StackMemory`. */
  readonly restartingSharers?: StackMemory['restarting'];
  /** Network namespaces of running containers that share a stack or whose stack is shared, by Docker's id; absent where nobody could look. */
  readonly sandboxes?: ReadonlyMap<string, number>;
  /** Of the images that desired containers name, those that are here. */
  readonly images: ReadonlySet<string>;
  /**
   * When Docker was last away, milliseconds since 1970; null for never. What ended in between was not stopped by
   * anybody: Docker kills what outlived a crash of its own, and then takes `unless-stopped` for stopped by hand
   * (seen with 20.10).
   */
  readonly outage: { readonly from: number; readonly to: number } | null;
  /** How long all that was asked of Docker took, in milliseconds. */
  readonly tookMs?: number;
}

/** Docker did not answer; `pending`: not yet, which is no sign that it is away. */
export interface DockerDown {
  readonly reachable: false;
  readonly message: string;
  readonly pending?: boolean;
}
