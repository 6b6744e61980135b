import path from 'node:path';

/**
 * Where labs keep everything: state, sockets and the hosts' disks. Under /var/lib and not /run, because
 * /run is mounted noexec and small on many distributions, and the hosts' disks need neither.
 */
export const STATE_ROOT = '/var/lib/trunkline-lab';

/** Address of the switch itself, which stands for the machine that runs the lab. */
export const SWITCH_ADDRESS = '172.16.1.1';

/** Prefix length of the switch's subnet, 172.16.1.0/24. */
export const SWITCH_PREFIX = 24;

/** The one physical NIC of each host, as scenarios.md names it. */
export const UPLINK = 'ens33';

/** Variable that every process of a lab carries; its value is a member path such as `3f9a01/docker01/`. */
export const MEMBER_VARIABLE = 'TRUNKLINE_LAB_MEMBER';

/** The most hosts that fit behind 172.16.1.30 in the switch's subnet. */
export const MAX_HOSTS = 200;

/** Everything that is derived from a lab's name and id. */
export interface LabNames {
  readonly name: string;
  /** Six random hex digits: what one lab makes never has the name of what another made. */
  readonly id: string;
  readonly directory: string;
  /** Network namespace that holds the switch. */
  readonly switchNetns: string;
  /** All network namespaces of the lab start with this. */
  readonly netnsPrefix: string;
  /** Cgroup, relative to each hierarchy's root, under which the containers of all hosts live. */
  readonly cgroup: string;
  /** Folder with the programs of the hosts' Docker Engine; null for those of the `PATH`. */
  readonly engine: string | null;
}

/** Everything that is derived from one host's name. */
export interface HostNames {
  readonly name: string;
  /** 1 for docker01, 2 for docker02. */
  readonly number: number;
  readonly netns: string;
  /** The host's end of the cable, inside its namespace. */
  readonly uplink: string;
  /** The switch's end of the cable, inside the switch's namespace. */
  readonly port: string;
  readonly address: string;
  /** Fixed, as a NIC's is: the same after a reboot. */
  readonly mac: string;
  /** Becomes /run inside the host; emptied by a reboot. */
  readonly runDirectory: string;
  /** What survives a reboot. */
  readonly diskDirectory: string;
  readonly dockerSocket: string;
  readonly dockerLog: string;
  readonly holderFile: string;
  /** Value of {@link MEMBER_VARIABLE} for this host's processes. */
  readonly member: string;
  readonly cgroup: string;
  /** As {@link LabNames.engine}. */
  readonly engine: string | null;
}

/** Throws unless `name` can be part of a path and of a namespace's name. */
export function checkLabName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(name)) {
    throw new Error(
      `lab name ${JSON.stringify(name)} is not usable: use 1 to 20 of a-z, 0-9 and -, not - first`,
    );
  }
}

/** Names of a lab. Throws for an unusable name. */
export function labNames(root: string, name: string, id: string, engine: string | null = null): LabNames {
  checkLabName(name);
  return {
    name,
    id,
    directory: path.join(root, name),
    switchNetns: `tl${id}-switch`,
    netnsPrefix: `tl${id}-`,
    cgroup: `trunkline-lab-${id}`,
    engine,
  };
}

/** Names of host `number` (from 1) of a lab. Throws when it does not fit into the switch's subnet. */
export function hostNames(lab: LabNames, number: number): HostNames {
  if (!Number.isInteger(number) || number < 1 || number > MAX_HOSTS) {
    throw new Error(`a lab has 1 to ${String(MAX_HOSTS)} hosts, not ${String(number)}`);
  }
  const digits = String(number).padStart(2, '0');
  const name = `docker${digits}`;
  const runDirectory = path.join(lab.directory, 'run', name);
  const dockerSocket = path.join(runDirectory, 'docker.sock');
  // sockaddr_un holds 108 bytes with the closing zero, unix(7).
  if (Buffer.byteLength(dockerSocket) > 107) {
    throw new Error(`socket path ${dockerSocket} is longer than 107 bytes: choose a shorter state folder`);
  }
  return {
    name,
    number,
    netns: `${lab.netnsPrefix}${name}`,
    uplink: UPLINK,
    port: `port${digits}`,
    address: `172.16.1.${String(29 + number)}`,
    mac: `02:4c:41:42:00:${number.toString(16).padStart(2, '0')}`,
    runDirectory,
    diskDirectory: path.join(lab.directory, 'disks', name),
    dockerSocket,
    dockerLog: path.join(lab.directory, `${name}.dockerd.log`),
    holderFile: path.join(lab.directory, `${name}.holder.json`),
    member: `${lab.id}/${name}/`,
    cgroup: `${lab.cgroup}/${name}`,
    engine: lab.engine,
  };
}
