import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf } from '@trunkline/log';
import { formatCidr, formatIp, parseCidr, parseIp } from '@trunkline/netaddr';
import { chooseTransport, type ServerTransport } from './tls/choose-transport.ts';

/** What the server reads from its environment, once. */
export interface ServerConfig {
  listen: { host: string; port: number };
  dataDir: string;
  /** The first admin token, when the operator chose it. */
  adminToken: string | undefined;
  /** PostgreSQL to use; undefined: the server runs its own under `dataDir`. */
  databaseUrl: string | undefined;
  /** Whether TLS is spoken, and with whose certificate. */
  transport: ServerTransport;
  /** URL at which hosts and people reach the server, without a slash at its end; undefined: not said. */
  publicUrl: string | undefined;
  /** Proxies whose `X-Forwarded-For` names the source of a request, as addresses and CIDRs; empty: nobody's does. */
  trustProxy: readonly string[];
  /** Addresses of a network that one host may hold and that no container was seen on, beside its warm pool. */
  unusedLeases: number;
  /** From when on limits of networks are shown as conditions. */
  thresholds: {
    /** `PoolNearlyFull` from so many percent of the addresses left downwards. */
    poolLowPercent: number;
    /** `PoolNearlyFull` from so many days until full downwards; 0: whatever the trend is. */
    poolLowDays: number;
    /** `ManyStations` from so many MACs of a network on one host on; 0: never. */
    manyStations: number;
  };
  /** Where webhooks may send to although it is not public, as addresses and CIDRs. */
  webhookAllow: readonly string[];
  /** How long entries of the audit log are kept, in days. */
  auditDays: number;
  logLevel: string;
}

/** A variable that cannot be used, and what to write instead. */
export class ConfigError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>;

function parseListen(text: string): ServerConfig['listen'] {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !Number.isInteger(port) || port > 65_535) {
    throw new ConfigError(
      `TRUNKLINE_LISTEN is "${text}": write address:port, such as 127.0.0.1:7400 or [::]:7400`,
    );
  }
  return { host, port };
}

function parseDatabaseUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new ConfigError('DATABASE_URL is not a URL: write postgres://user:password@host:5432/name');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new ConfigError(
      `DATABASE_URL begins with ${url.protocol}: only PostgreSQL is supported, write postgres://…`,
    );
  }
  return text;
}

/** Addresses and CIDRs, in canonical form. */
function parseAddresses(variable: string, text: string): string[] {
  return text.split(',').map((part) => {
    const one = part.trim();
    try {
      return one.includes('/') ? formatCidr(parseCidr(one)) : formatIp(parseIp(one));
    } catch (error) {
      throw new ConfigError(
        `${variable} has "${one}": write addresses or CIDRs with commas between them, such as 127.0.0.1,10.0.0.0/24 (${messageOf(error)})`,
      );
    }
  });
}

function parsePublicUrl(text: string, transport: ServerTransport): string {
  const url = URL.parse(text);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === null || !isHttp || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new ConfigError(
      `TRUNKLINE_PUBLIC_URL is "${text}": write the URL at which hosts reach the server, such as https://trunkline.example.net:7400`,
    );
  if (url.protocol === 'http:' && transport.kind !== 'plain')
    throw new ConfigError(
      `TRUNKLINE_PUBLIC_URL is "${text}", and this server is reached over TLS: write https://, or ask for plain HTTP with TRUNKLINE_TLS=off`,
    );
  return url.href.replace(/\/+$/, '');
}

function parseTransport(
  read: (name: string) => string | undefined,
  asked: { host: string; trustsProxies: boolean },
): ServerTransport {
  const tls = read('TRUNKLINE_TLS');
  const keyFile = read('TRUNKLINE_TLS_KEY');
  const certFile = read('TRUNKLINE_TLS_CERT');
  if (tls !== undefined && tls !== 'own' && tls !== 'off')
    throw new ConfigError(
      `TRUNKLINE_TLS is "${tls}": write own for a certificate that the server makes itself, off for plain HTTP, or nothing`,
    );
  if ((keyFile === undefined) !== (certFile === undefined))
    throw new ConfigError(
      'TRUNKLINE_TLS_KEY and TRUNKLINE_TLS_CERT go together: set both, or none for a certificate that the server makes itself',
    );
  if (keyFile === undefined || certFile === undefined) return chooseTransport({ ...asked, tls });
  if (tls !== undefined)
    throw new ConfigError(`TRUNKLINE_TLS is "${tls}", and TRUNKLINE_TLS_KEY names a key: set one of them`);
  return { kind: 'files', keyFile, certFile };
}

function parseNumber(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new ConfigError(`${name} is "${text}": write a number from ${min} to ${max}`);
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Reads and checks the environment. Throws ConfigError, naming the variable, at the first that cannot be used. */
export function readConfig(env: Environment, isRoot: boolean): ServerConfig {
  const read = (name: string): string | undefined =>
    env[name] === undefined || env[name] === '' ? undefined : env[name];
  const numberOf = (name: string, byDefault: number, min: number, max: number): number =>
    parseNumber(name, read(name) ?? String(byDefault), min, max);
  const adminToken = read('TRUNKLINE_ADMIN_TOKEN');
  if (adminToken !== undefined && !/^[\x21-\x7e]{20,200}$/.test(adminToken)) {
    throw new ConfigError(
      'TRUNKLINE_ADMIN_TOKEN must be 20 to 200 printable characters without spaces: `openssl rand -base64 33` makes one',
    );
  }
  const logLevel = read('TRUNKLINE_LOG_LEVEL') ?? 'info';
  if (!logLevels.includes(logLevel))
    throw new ConfigError(`TRUNKLINE_LOG_LEVEL is "${logLevel}": write one of ${logLevels.join(', ')}`);
  const databaseUrl = read('DATABASE_URL');
  const proxies = read('TRUNKLINE_TRUST_PROXY');
  const trustProxy = proxies === undefined ? [] : parseAddresses('TRUNKLINE_TRUST_PROXY', proxies);
  const allowed = read('TRUNKLINE_WEBHOOK_ALLOW');
  const listen = parseListen(read('TRUNKLINE_LISTEN') ?? '127.0.0.1:7400');
  const transport = parseTransport(read, { host: listen.host, trustsProxies: trustProxy.length > 0 });
  const publicUrl = read('TRUNKLINE_PUBLIC_URL');
  return {
    listen,
    dataDir: resolve(
      read('TRUNKLINE_DATA_DIR') ??
        (isRoot
          ? '/var/lib/trunkline'
          : join(read('XDG_DATA_HOME') ?? join(homedir(), '.local/share'), 'trunkline')),
    ),
    adminToken,
    databaseUrl: databaseUrl === undefined ? undefined : parseDatabaseUrl(databaseUrl),
    transport,
    publicUrl: publicUrl === undefined ? undefined : parsePublicUrl(publicUrl, transport),
    trustProxy,
    unusedLeases: numberOf('TRUNKLINE_UNUSED_LEASES', 128, 16, 4096),
    thresholds: {
      poolLowPercent: numberOf('TRUNKLINE_POOL_LOW_PERCENT', 10, 0, 100),
      poolLowDays: numberOf('TRUNKLINE_POOL_LOW_DAYS', 7, 0, 365),
      manyStations: numberOf('TRUNKLINE_MANY_STATIONS', 200, 0, 1_000_000),
    },
    webhookAllow: allowed === undefined ? [] : parseAddresses('TRUNKLINE_WEBHOOK_ALLOW', allowed),
    auditDays: numberOf('TRUNKLINE_AUDIT_DAYS', 90, 1, 3_650),
    logLevel,
  };
}
