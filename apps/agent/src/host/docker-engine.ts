/**
 * The Docker Engine of this host in our own words. Nothing of dockerode or of the wire gets past this interface;
 * `createDockerEngine` (dockerode-engine.ts) is the real one, `createFakeDockerEngine` the one for tests.
 *
 * Errors are those of docker-errors.ts: `DockerUnreachable`, `DockerNotFound`, `DockerConflict`, `DockerRefused`,
 * `DockerUnsupported`. Every call is bounded in time; one that takes too long is `DockerUnreachable`.
 */
export interface DockerEngine {
  /** The daemon's version and the API version spoken with it, as asked of this daemon first. */
  version(): Promise<DockerVersion>;
  /** Answers when the daemon does. */
  ping(): Promise<void>;
  /** The folder of the daemon on this host, links resolved: `/var/lib/docker`. */
  dataRoot(): Promise<string>;

  /** Every network, Docker's own among them. */
  networks(): Promise<readonly DockerNetwork[]>;
  /** One network with the endpoints of running containers on it. */
  network(idOrName: string): Promise<DockerNetworkDetail>;
  /**
   * Makes a network and answers its id. `DockerConflict` when the name is taken, `DockerUnsupported` for one without an IPv4
   * subnet on an Engine before 28.
   */
  createNetwork(spec: DockerNetworkSpec): Promise<{ readonly id: string }>;
  /** Removes a network. `DockerConflict` while containers are attached. */
  removeNetwork(idOrName: string): Promise<void>;

  /** Every container, stopped ones included. */
  containers(): Promise<readonly DockerContainer[]>;
  /** One container in full. */
  container(idOrName: string): Promise<DockerContainerDetail>;
  /**
   * Makes a container, attached to all its networks, and answers its id; does not start it. `DockerConflict` when the
   * name is taken, `DockerNotFound` when the image or a network is missing. When it fails half way (API before 1.44
   * attaches one by one), the container it made is removed again.
   */
  createContainer(spec: DockerContainerSpec): Promise<{ readonly id: string }>;
  /** Starts a container; one that runs already is fine. */
  startContainer(idOrName: string): Promise<void>;
  /** Stops a container, killing it after `timeoutSeconds`; one that is stopped already is fine. */
  stopContainer(idOrName: string, timeoutSeconds: number): Promise<void>;
  /** Stops (as above) and starts a container again. */
  restartContainer(idOrName: string, timeoutSeconds: number): Promise<void>;
  /** Changes what Docker does when the container ends, whether it runs or not. */
  setRestartPolicy(idOrName: string, policy: DockerRestartPolicy): Promise<void>;
  /** Removes a container and its anonymous volumes; `force` kills it first. `DockerConflict` when it runs without `force`. */
  removeContainer(idOrName: string, options?: { readonly force?: boolean }): Promise<void>;
  /** Attaches a container to one more network. */
  connectNetwork(containerIdOrName: string, attachment: DockerAttachment): Promise<void>;
  /** Detaches a container from a network; `force` also where the container is gone. */
  disconnectNetwork(
    containerIdOrName: string,
    networkIdOrName: string,
    options?: { readonly force?: boolean },
  ): Promise<void>;

  /** Whether an image is on this host. */
  imageExists(ref: string): Promise<boolean>;
  /** Pulls an image (tag `latest` unless given). It is bounded by time without progress, not by total time. */
  pullImage(ref: string, onProgress?: (progress: DockerPullProgress) => void): Promise<void>;

  /**
   * Follows what happens to containers and networks. `onConnect` is called once, when the stream stands: events of the
   * past are lost for good (a buffer of 256 that dies with the daemon), so the caller lists everything then.
   * Resolves when the stream ends, by the daemon or by `signal`; fails when it cannot be opened or breaks. To
   * reconnect is the caller's choice.
   */
  events(follow: DockerEventsOptions): Promise<void>;
}

/** Versions on both sides. */
export interface DockerVersion {
  /** Of the Engine: `20.10.24`. */
  readonly version: string;
  /** The API version used with it: the lower of ours and the daemon's newest. */
  readonly apiVersion: string;
  /** The newest API version that the daemon speaks. */
  readonly daemonApiVersion: string;
  /** The daemon's operating system and architecture, as Go names them: `linux`, `amd64`. */
  readonly os: string;
  readonly arch: string;
  readonly kernel: string;
}

/** One pool of a Docker network. */
export interface DockerSubnet {
  readonly cidr: string;
  readonly gateway: string | null;
  /** Docker's `--ip-range`: the part of the subnet that it gives addresses from. */
  readonly ipRange: string | null;
  /** Docker's `--aux-address`: names and the addresses that it never gives. */
  readonly aux: Readonly<Record<string, string>>;
}

/** A network as Docker lists it. */
export interface DockerNetwork {
  readonly id: string;
  readonly name: string;
  /** `macvlan`, `bridge`, `host`, `null`, … */
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ipamDriver: string;
  readonly ipamOptions: Readonly<Record<string, string>>;
  readonly subnets: readonly DockerSubnet[];
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly enableIPv6: boolean;
  /** RFC 3339, or null where Docker knows none. */
  readonly created: string | null;
}

/** A network with the endpoints of running containers. */
export type DockerNetworkDetail = DockerNetwork & { readonly attached: readonly DockerAttached[] };

/** A running container seen from its network. */
export interface DockerAttached {
  readonly containerId: string;
  readonly containerName: string;
  readonly endpointId: string;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly mac: string | null;
}

/** A network to make. */
export interface DockerNetworkSpec {
  readonly name: string;
  readonly driver: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ipamDriver?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  /** At least one. Always name the gateway: 28 and older invent one, 29 sets none. */
  readonly subnets: readonly {
    readonly cidr: string;
    readonly gateway?: string;
    readonly ipRange?: string;
    readonly aux?: Readonly<Record<string, string>>;
  }[];
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly enableIPv6?: boolean;
}

/** A container on one network. Addresses are null while it does not run. */
export interface DockerEndpoint {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string | null;
  readonly ipv4: string | null;
  readonly ipv4PrefixLength: number | null;
  readonly ipv6: string | null;
  readonly ipv6PrefixLength: number | null;
  readonly mac: string | null;
  readonly gateway: string | null;
  /** The addresses that were asked for when it was attached; they stay while the container is stopped. */
  readonly requestedIpv4: string | null;
  readonly requestedIpv6: string | null;
  /** Names for it on that network besides its own, as compose gives them. Docker shows them when one container is inspected, and in no list. */
  readonly aliases: readonly string[];
}

/** What a container is doing. */
export type DockerContainerStatus =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead' | 'unknown';

/** A container as Docker lists it. */
export interface DockerContainer {
  readonly id: string;
  /** Without Docker's leading slash. */
  readonly name: string;
  /** As it was named at creation. */
  readonly image: string;
  readonly status: DockerContainerStatus;
  readonly labels: Readonly<Record<string, string>>;
  /** A network's name, `none`, `host`, `container:<id>`, … */
  readonly networkMode: string;
  readonly endpoints: readonly DockerEndpoint[];
}

/** When Docker starts a container again by itself. */
export interface DockerRestartPolicy {
  readonly name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** For `on-failure`; 0 means without end. */
  readonly maximumRetryCount: number;
}

/** A container in full. */
export type DockerContainerDetail = DockerContainer & {
  readonly imageId: string;
  /** Process id on the host, null while it does not run. */
  readonly pid: number | null;
  /** Of the last run; 0 before the first. */
  readonly exitCode: number;
  /** Docker's error of a start that failed, null without one. */
  readonly error: string | null;
  /** RFC 3339, null before the first start. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly created: string;
  readonly restartCount: number;
  readonly restartPolicy: DockerRestartPolicy;
  readonly hostname: string;
  /**
   * Docker's hosts file of it on this host, which it has as /etc/hosts; null before the first start, and where its user
   * mounted something else there.
   */
  readonly hostsPath: string | null;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly tty: boolean;
  readonly stdinOpen: boolean;
};

/** One network that a container is to be on, with the addresses it must have there. */
export interface DockerAttachment {
  /** A network's name or id (the name at creation, as the Engine does itself). */
  readonly network: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** Ethernet address that it must have; an Engine that cannot give it refuses. */
  readonly mac?: string;
  /** Ethernet address that it has instead of one of Docker's choice, where the Engine can give it. */
  readonly usualMac?: string;
  /** Names for it on that network besides its own. */
  readonly aliases?: readonly string[];
  /** The network with the highest carries the default route, where the Engine takes it. */
  readonly gatewayPriority?: number;
}

/** A container to make. Without `attachments` and `networkMode` it gets no network at all. */
export interface DockerContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** `NAME=value`, one for each variable. */
  readonly env?: readonly string[];
  readonly tty?: boolean;
  readonly stdinOpen?: boolean;
  readonly restartPolicy?: DockerRestartPolicy;
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `container:<id or name>` to share another container's network stack; never together with `attachments`. */
  readonly networkMode?: string;
  readonly attachments?: readonly DockerAttachment[];
}

/** One line of a pull's progress. */
export interface DockerPullProgress {
  readonly status: string;
  readonly layer: string | null;
  /** Bytes, where known. */
  readonly current: number | null;
  readonly total: number | null;
}

/** Something that happened. Attributes of a network event name the container: `container`, `name`, `type`. */
export interface DockerEvent {
  readonly type: 'container' | 'network';
  /** `start`, `die`, `destroy`, `connect`, `disconnect`, `create`, … Healthchecks come as `exec_start: …`. */
  readonly action: string;
  /** Of the container or network. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly time: number;
}

/** How events are followed. */
export interface DockerEventsOptions {
  readonly onEvent: (event: DockerEvent) => void;
  readonly onConnect?: () => void;
  readonly signal: AbortSignal;
}
