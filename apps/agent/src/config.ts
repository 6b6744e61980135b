import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import {
  containerPermissions,
  type ContainerPermission,
  type Permissions,
} from './observation/permissions.ts';

/** The settings of an agent. */
export interface AgentConfig {
  readonly server: string;
  readonly joinToken: string | null;
  readonly hostName: string;
  readonly stateDir: string;
  readonly dockerSocket: string;
  /** PEM certificates to trust besides the machine's own. */
  readonly ca: string | null;
  /** How long a change of a network's link may leave the agent without the server before it is undone, in seconds. */
  readonly confirmSeconds: number;
  /** Where Docker looks for the address driver, where systemd hands no socket over. */
  readonly pluginSocket: string;
  /** Where the Docker Engine has the network namespaces of its containers: the folder `netns` of its exec root. */
  readonly netnsDir: string;
  /** Seconds after which an address given to Docker is reclaimed if no container uses it. */
  readonly leakSeconds: number;
  /** Where names are answered over DNS, and the zone that they are in; null: nowhere. */
  readonly dns: {
    readonly listen: { readonly host: string; readonly port: number };
    readonly zone: string;
  } | null;
  /** What this host lets its agent do, whatever a server asks for. */
  readonly permitted: Permissions;
  readonly logLevel: LogLevel;
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** Values of TRUNKLINE_LOG_LEVEL. */
export type LogLevel = (typeof logLevels)[number];

/** A setting is missing or wrong; names the variable and what to write. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig';
}

/** The settings of the boot stage. It needs no server, so a wrong setting of the server does not keep links down. */
export type BootConfig = Pick<AgentConfig, 'stateDir' | 'permitted' | 'logLevel'>;

/** What the configuration is read from besides the environment. */
export interface ConfigSources {
  readonly hostname: () => string;
  readonly readFile: (path: string) => string;
}

/**
 * Reads and checks the environment, once, at start.
 *
 * | variable | default | what |
 * | --- | --- | --- |
 * | `TRUNKLINE_SERVER` | required | URL of the server, `http://…` or `https://…` |
 * | `TRUNKLINE_JOIN_TOKEN` | | secret of a join token; needed until the host has joined |
 * | `TRUNKLINE_HOST_NAME` | the machine's name | name of the host in the fleet |
 * | `TRUNKLINE_STATE_DIR` | `/var/lib/trunkline-agent` | identity and desired state; private to one agent |
 * | `TRUNKLINE_DOCKER_SOCKET` | `/var/run/docker.sock` | socket of the Docker Engine |
 * | `TRUNKLINE_CA_FILE` | | PEM certificates to trust for https besides the machine's own |
 * | `TRUNKLINE_CONFIRM_SECONDS` | `60` | seconds the agent has to reach the server after a network moved to another parent or VLAN; then the change is rolled back; 5 to 3600 |
 * | `TRUNKLINE_PLUGIN_SOCKET` | `/run/docker/plugins/trunkline.sock` | socket of the address driver, in a folder where Docker looks for plugins; its file name is the name of the driver. Not used where systemd passes a socket |
 * | `TRUNKLINE_NETNS_DIR` | `/var/run/docker/netns` | folder with the network namespaces of the containers: `netns` in the Docker Engine's `--exec-root` |
 * | `TRUNKLINE_LEAK_SECONDS` | `45` | seconds after which an address given to Docker is reclaimed if no container uses it (at most 10 where it is reserved for an owner); 1 to 3600 |
 * | `TRUNKLINE_DNS_LISTEN` | off | address and port at which the agent answers DNS questions about containers of networks with `names`, such as `172.16.1.30:53` or `[fd00::30]:53` |
 * | `TRUNKLINE_DNS_ZONE` | `trunkline.internal` | DNS zone of these names |
 * | `TRUNKLINE_ALLOWED_PARENTS` | all | interfaces that networks may have as parents, separated by commas, such as `ens34,bond0`; no server can override it |
 * | `TRUNKLINE_CONTAINERS` | `all` | containers that the agent may make, start, stop, remove and disconnect: `off`: none, `own`: those created through the API, `all`: also restart those of others; no server can override it |
 * | `TRUNKLINE_LOG_LEVEL` | `info` | `trace`, `debug`, `info`, `warn`, `error` or `fatal` |
 *
 * An empty variable counts as not set. Fails with {@link InvalidConfig}.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  sources: ConfigSources = { hostname, readFile: (path) => readFileSync(path, 'utf8') },
): AgentConfig {
  const setting = settingsOf(env);
  return {
    ...readBootConfig(env),
    server: serverUrl(setting('TRUNKLINE_SERVER')),
    joinToken: setting('TRUNKLINE_JOIN_TOKEN'),
    hostName: hostName(setting('TRUNKLINE_HOST_NAME'), sources.hostname),
    dockerSocket: absolutePath(
      'TRUNKLINE_DOCKER_SOCKET',
      setting('TRUNKLINE_DOCKER_SOCKET') ?? '/var/run/docker.sock',
    ),
    ca: certificates(setting('TRUNKLINE_CA_FILE'), sources.readFile),
    confirmSeconds: seconds('TRUNKLINE_CONFIRM_SECONDS', setting('TRUNKLINE_CONFIRM_SECONDS') ?? '60', 5),
    pluginSocket: absolutePath(
      'TRUNKLINE_PLUGIN_SOCKET',
      setting('TRUNKLINE_PLUGIN_SOCKET') ?? '/run/docker/plugins/trunkline.sock',
    ),
    netnsDir: absolutePath('TRUNKLINE_NETNS_DIR', setting('TRUNKLINE_NETNS_DIR') ?? '/var/run/docker/netns'),
    leakSeconds: seconds('TRUNKLINE_LEAK_SECONDS', setting('TRUNKLINE_LEAK_SECONDS') ?? '45', 1),
    dns: dns(setting('TRUNKLINE_DNS_LISTEN'), setting('TRUNKLINE_DNS_ZONE') ?? 'trunkline.internal'),
  };
}

/** Reads the settings of the boot stage. Fails with {@link InvalidConfig}. */
export function readBootConfig(env: Readonly<Record<string, string | undefined>>): BootConfig {
  const setting = settingsOf(env);
  return {
    stateDir: absolutePath(
      'TRUNKLINE_STATE_DIR',
      setting('TRUNKLINE_STATE_DIR') ?? '/var/lib/trunkline-agent',
    ),
    permitted: {
      parents: parents(setting('TRUNKLINE_ALLOWED_PARENTS')),
      containers: containers(setting('TRUNKLINE_CONTAINERS') ?? 'all'),
    },
    logLevel: logLevel(setting('TRUNKLINE_LOG_LEVEL') ?? 'info'),
  };
}

function settingsOf(env: Readonly<Record<string, string | undefined>>): (name: string) => string | null {
  return (name) => (env[name] === '' ? null : (env[name] ?? null));
}

/** IFNAMSIZ is 16 with the closing zero (linux/if.h). */
const interfaceName = /^(?!\.{1,2}$)[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,14}$/;

function parents(value: string | null): readonly string[] | null {
  if (value === null) return null;
  const names = value.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !interfaceName.test(name));
  if (wrong !== undefined)
    throw new InvalidConfig(
      `TRUNKLINE_ALLOWED_PARENTS has ${JSON.stringify(wrong)}: write names of interfaces with commas between them, such as ens34,bond0`,
    );
  return names;
}

function containers(value: string): ContainerPermission {
  const found = containerPermissions.find((one) => one === value);
  if (found === undefined)
    throw new InvalidConfig(
      `TRUNKLINE_CONTAINERS is ${JSON.stringify(value)}: write ${containerPermissions.join(', ')}`,
    );
  return found;
}

function serverUrl(value: string | null): string {
  if (value === null) {
    throw new InvalidConfig(
      'TRUNKLINE_SERVER is not set: write the URL of the server, such as http://172.16.1.1:7400',
    );
  }
  const url = URL.parse(value);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username !== '') {
    throw new InvalidConfig(
      `TRUNKLINE_SERVER is ${JSON.stringify(value)}: write a URL that begins with http:// or https://, without user and password`,
    );
  }
  return value;
}

function hostName(value: string | null, machineName: () => string): string {
  const name = value ?? machineName();
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(name)) {
    throw new InvalidConfig(
      `TRUNKLINE_HOST_NAME is ${JSON.stringify(name)}${value === null ? ' (the name of the machine)' : ''}: write 1 to 63 letters, digits, "_", "." or "-", the first a letter or digit`,
    );
  }
  return name;
}

function absolutePath(variable: string, value: string): string {
  if (!value.startsWith('/') || value.includes('\0')) {
    throw new InvalidConfig(`${variable} is ${JSON.stringify(value)}: write an absolute path`);
  }
  return value;
}

function certificates(path: string | null, readFile: (path: string) => string): string | null {
  if (path === null) return null;
  let pem: string;
  try {
    pem = readFile(path);
  } catch (error) {
    throw new InvalidConfig(
      `TRUNKLINE_CA_FILE names ${path}, which cannot be read: write the path of a PEM file`,
      {
        cause: error,
      },
    );
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new InvalidConfig(
      `TRUNKLINE_CA_FILE names ${path}, which holds no certificate: write the path of a PEM file`,
    );
  }
  return pem;
}

function seconds(variable: string, value: string, least: number): number {
  const number = /^\d{1,4}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= 3600) return number;
  throw new InvalidConfig(
    `${variable} is ${JSON.stringify(value)}: write a number of seconds from ${least} to 3600`,
  );
}

function dns(listen: string | null, zone: string): AgentConfig['dns'] {
  const name = dnsZone(zone);
  return listen === null ? null : { listen: dnsListen(listen), zone: name };
}

function dnsListen(text: string): { host: string; port: number } {
  const [, six, four, portText] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(portText);
  const host = six ?? four ?? '';
  if (isIP(host) !== (six === undefined ? 4 : 6) || !(port >= 1 && port <= 65_535)) {
    throw new InvalidConfig(
      `TRUNKLINE_DNS_LISTEN is ${JSON.stringify(text)}: write address:port, such as 172.16.1.30:53 or [fd00::30]:53`,
    );
  }
  return { host, port };
}

/** Leaves room for names of containers and networks, of up to 63 characters each. */
const maxZoneLength = 120;

function dnsZone(text: string): string {
  const zone = text.toLowerCase().replace(/\.$/, '');
  const isZone = /^(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*$/.test(zone);
  if (!isZone || zone.length > maxZoneLength || /(^|\.)arpa$/.test(zone)) {
    throw new InvalidConfig(
      `TRUNKLINE_DNS_ZONE is ${JSON.stringify(text)}: write a domain name of up to ${maxZoneLength} characters that is not below arpa, such as trunkline.internal`,
    );
  }
  return zone;
}

function logLevel(value: string): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level === undefined) {
    throw new InvalidConfig(
      `TRUNKLINE_LOG_LEVEL is ${JSON.stringify(value)}: write one of ${logLevels.join(', ')}`,
    );
  }
  return level;
}
