import type {
  DockerContainer,
  DockerContainerDetail,
  DockerContainerStatus,
  DockerEndpoint,
  DockerEvent,
  DockerNetwork,
  DockerNetworkDetail,
  DockerPullProgress,
  DockerRestartPolicy,
} from './docker-engine.ts';
import { bool, list, number, record, strings, text, texts } from './json-read.ts';

/**
 * From Docker's JSON to our words; pure. Reads what every API from 1.41 to 1.55 gives and nothing that came or went
 * between them (addresses from `Networks[*]` only: the top-level ones are gone in 1.52). What is missing reads as empty.
 */

/** A network from `GET /networks` or `GET /networks/{id}`. */
export function networkFromWire(value: unknown): DockerNetwork {
  const wire = record(value);
  const ipam = record(wire['IPAM']);
  return {
    id: text(wire['Id']) ?? '',
    name: text(wire['Name']) ?? '',
    driver: text(wire['Driver']) ?? '',
    options: strings(wire['Options']),
    labels: strings(wire['Labels']),
    ipamDriver: text(ipam['Driver']) ?? 'default',
    ipamOptions: strings(ipam['Options']),
    subnets: list(ipam['Config']).flatMap((entry) => {
      const pool = record(entry);
      const cidr = text(pool['Subnet']);
      if (cidr === null) return [];
      return [
        {
          cidr,
          gateway: text(pool['Gateway']),
          ipRange: text(pool['IPRange']),
          aux: strings(pool['AuxiliaryAddresses'] ?? pool['AuxAddress']),
        },
      ];
    }),
    internal: bool(wire['Internal']),
    attachable: bool(wire['Attachable']),
    enableIPv6: bool(wire['EnableIPv6']),
    created: time(wire['Created']),
  };
}

/** A network with its running containers, from `GET /networks/{id}`. */
export function networkDetailFromWire(value: unknown): DockerNetworkDetail {
  const attached = Object.entries(record(record(value)['Containers'])).map(([containerId, entry]) => {
    const wire = record(entry);
    return {
      containerId,
      containerName: text(wire['Name']) ?? '',
      endpointId: text(wire['EndpointID']) ?? '',
      ipv4: bare(wire['IPv4Address']),
      ipv6: bare(wire['IPv6Address']),
      mac: text(wire['MacAddress'])?.toLowerCase() ?? null,
    };
  });
  return { ...networkFromWire(value), attached };
}

/** A container from `GET /containers/json`. */
export function containerFromWire(value: unknown): DockerContainer {
  const wire = record(value);
  return {
    id: text(wire['Id']) ?? '',
    name: nameOf(list(wire['Names'])),
    image: text(wire['Image']) ?? '',
    status: statusOf(wire['State']),
    labels: strings(wire['Labels']),
    networkMode: text(record(wire['HostConfig'])['NetworkMode']) ?? 'default',
    endpoints: endpointsFromWire(record(wire['NetworkSettings'])['Networks'], text(wire['Id']) ?? ''),
  };
}

/** A container from `GET /containers/{id}/json`. */
export function containerDetailFromWire(value: unknown): DockerContainerDetail {
  const wire = record(value);
  const state = record(wire['State']);
  const config = record(wire['Config']);
  const hostConfig = record(wire['HostConfig']);
  const pid = number(state['Pid']);
  return {
    id: text(wire['Id']) ?? '',
    name: nameOf([wire['Name']]),
    image: text(config['Image']) ?? '',
    imageId: text(wire['Image']) ?? '',
    status: statusOf(state['Status']),
    pid: pid !== null && pid > 0 ? pid : null,
    exitCode: number(state['ExitCode']) ?? 0,
    error: text(state['Error']),
    startedAt: time(state['StartedAt']),
    finishedAt: time(state['FinishedAt']),
    created: text(wire['Created']) ?? '',
    restartCount: number(wire['RestartCount']) ?? 0,
    restartPolicy: restartPolicyFromWire(hostConfig['RestartPolicy']),
    labels: strings(config['Labels']),
    networkMode: text(hostConfig['NetworkMode']) ?? 'default',
    endpoints: endpointsFromWire(record(wire['NetworkSettings'])['Networks'], text(wire['Id']) ?? ''),
    hostname: text(config['Hostname']) ?? '',
    hostsPath: hasOwnHosts(wire['Mounts']) ? null : text(wire['HostsPath']),
    command: texts(config['Cmd']),
    entrypoint: texts(config['Entrypoint']),
    env: texts(config['Env']),
    tty: bool(config['Tty']),
    stdinOpen: bool(config['OpenStdin']),
  };
}

/** The daemon's folder, from `GET /info`. */
export function dataRootFromWire(value: unknown): string {
  return text(record(value)['DockerRootDir']) ?? '/var/lib/docker';
}

/** An event of a container or a network; undefined for any other and for what is no event. */
export function eventFromWire(value: unknown): DockerEvent | undefined {
  const wire = record(value);
  const type = wire['Type'];
  const action = text(wire['Action']);
  const actor = record(wire['Actor']);
  const id = text(actor['ID']);
  if ((type !== 'container' && type !== 'network') || action === null || id === null) return undefined;
  return { type, action, id, attributes: strings(actor['Attributes']), time: number(wire['time']) ?? 0 };
}

/** A line of a pull: progress, or the error that ended it. */
export function pullLineFromWire(value: unknown): DockerPullProgress | { readonly failed: string } {
  const wire = record(value);
  const failed = text(record(wire['errorDetail'])['message']) ?? text(wire['error']);
  if (failed !== null) return { failed };
  const detail = record(wire['progressDetail']);
  return {
    status: text(wire['status']) ?? '',
    layer: text(wire['id']),
    current: number(detail['current']),
    total: number(detail['total']),
  };
}

function endpointsFromWire(networks: unknown, container: string): readonly DockerEndpoint[] {
  return Object.entries(record(networks)).map(([networkName, entry]) => {
    const wire = record(entry);
    const wanted = record(wire['IPAMConfig']);
    const ipv4 = text(wire['IPAddress']);
    const ipv6 = text(wire['GlobalIPv6Address']);
    return {
      networkId: text(wire['NetworkID']) ?? '',
      networkName,
      endpointId: text(wire['EndpointID']),
      ipv4,
      ipv4PrefixLength: ipv4 === null ? null : number(wire['IPPrefixLen']),
      ipv6,
      ipv6PrefixLength: ipv6 === null ? null : number(wire['GlobalIPv6PrefixLen']),
      mac: text(wire['MacAddress'])?.toLowerCase() ?? null,
      gateway: text(wire['Gateway']),
      requestedIpv4: text(wanted['IPv4Address']),
      requestedIpv6: text(wanted['IPv6Address']),
      // Docker adds the short id by itself.
      aliases: texts(wire['Aliases']).filter((alias) => alias !== container.slice(0, 12)),
    };
  });
}

function hasOwnHosts(mounts: unknown): boolean {
  return list(mounts).some((mount) => record(mount)['Destination'] === '/etc/hosts');
}

function restartPolicyFromWire(value: unknown): DockerRestartPolicy {
  const wire = record(value);
  const name = wire['Name'];
  const known = name === 'always' || name === 'unless-stopped' || name === 'on-failure';
  return { name: known ? name : 'no', maximumRetryCount: number(wire['MaximumRetryCount']) ?? 0 };
}

const statuses: readonly DockerContainerStatus[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
];

function statusOf(value: unknown): DockerContainerStatus {
  return statuses.find((status) => status === value) ?? 'unknown';
}

/** Of `/box1` and, with legacy links, `/other/alias`: the container's own. */
function nameOf(names: readonly unknown[]): string {
  const own = names.find((name) => typeof name === 'string' && !name.slice(1).includes('/'));
  return typeof own === 'string' ? own.replace(/^\//, '') : '';
}

/** Go's zero time means "never". */
function time(value: unknown): string | null {
  const written = text(value);
  return written === null || written.startsWith('0001-01-01') ? null : written;
}

/** `172.16.100.10/24` without the prefix. */
function bare(value: unknown): string | null {
  return text(value)?.split('/')[0] ?? null;
}
