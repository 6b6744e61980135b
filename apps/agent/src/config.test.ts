import { expect, test } from 'vitest';
import { InvalidConfig, readBootConfig, readConfig, type ConfigSources } from './config.ts';

const pem = '-----BEGIN CERTIFICATE-----\n';
const sources: ConfigSources = {
  hostname: () => 'docker01',
  readFile: (path) => {
    if (path === '/etc/ca.pem') return pem;
    if (path === '/etc/hosts') return 'localhost';
    throw new Error('ENOENT');
  },
};
const server = { TRUNKLINE_SERVER: 'http://172.16.1.1:7400' };

test('only the server has to be named', () => {
  expect(readConfig({ ...server, TRUNKLINE_JOIN_TOKEN: '' }, sources)).toEqual({
    server: 'http://172.16.1.1:7400',
    joinToken: null,
    hostName: 'docker01',
    stateDir: '/var/lib/trunkline-agent',
    dockerSocket: '/var/run/docker.sock',
    ca: null,
    confirmSeconds: 60,
    pluginSocket: '/run/docker/plugins/trunkline.sock',
    netnsDir: '/var/run/docker/netns',
    leakSeconds: 45,
    dns: null,
    permitted: { parents: null, containers: 'all' },
    logLevel: 'info',
  });
});

test('every variable is taken', () => {
  const env = {
    TRUNKLINE_SERVER: 'https://trunkline.example',
    TRUNKLINE_JOIN_TOKEN: 'tlj_secret',
    TRUNKLINE_HOST_NAME: 'rack-a.7',
    TRUNKLINE_STATE_DIR: '/srv/agent',
    TRUNKLINE_DOCKER_SOCKET: '/run/d.sock',
    TRUNKLINE_CA_FILE: '/etc/ca.pem',
    TRUNKLINE_CONFIRM_SECONDS: '120',
    TRUNKLINE_PLUGIN_SOCKET: '/run/plugins/book.sock',
    TRUNKLINE_NETNS_DIR: '/srv/docker/netns',
    TRUNKLINE_LEAK_SECONDS: '5',
    TRUNKLINE_DNS_LISTEN: '172.16.1.30:53',
    TRUNKLINE_DNS_ZONE: 'Lan.Example.',
    TRUNKLINE_ALLOWED_PARENTS: 'ens34, bond0',
    TRUNKLINE_CONTAINERS: 'own',
    TRUNKLINE_LOG_LEVEL: 'debug',
  };
  expect(readConfig(env, sources)).toEqual({
    server: 'https://trunkline.example',
    joinToken: 'tlj_secret',
    hostName: 'rack-a.7',
    stateDir: '/srv/agent',
    dockerSocket: '/run/d.sock',
    ca: pem,
    confirmSeconds: 120,
    pluginSocket: '/run/plugins/book.sock',
    netnsDir: '/srv/docker/netns',
    leakSeconds: 5,
    dns: { listen: { host: '172.16.1.30', port: 53 }, zone: 'lan.example' },
    permitted: { parents: ['ens34', 'bond0'], containers: 'own' },
    logLevel: 'debug',
  });
});

test.each([
  ['TRUNKLINE_SERVER', undefined],
  ['TRUNKLINE_SERVER', ''],
  ['TRUNKLINE_SERVER', '172.16.1.1:7400'],
  ['TRUNKLINE_SERVER', 'ftp://x'],
  ['TRUNKLINE_SERVER', 'http://user:secret@x'],
  ['TRUNKLINE_ALLOWED_PARENTS', 'ens33,'],
  ['TRUNKLINE_ALLOWED_PARENTS', 'ens33 ens34'],
  ['TRUNKLINE_ALLOWED_PARENTS', 'an-interface-name-that-is-too-long'],
  ['TRUNKLINE_CONTAINERS', 'none'],
  ['TRUNKLINE_HOST_NAME', 'a b'],
  ['TRUNKLINE_HOST_NAME', '-a'],
  ['TRUNKLINE_STATE_DIR', 'relative'],
  ['TRUNKLINE_DOCKER_SOCKET', 'tcp://1.2.3.4'],
  ['TRUNKLINE_NETNS_DIR', 'netns'],
  ['TRUNKLINE_CA_FILE', '/nowhere'],
  ['TRUNKLINE_CA_FILE', '/etc/hosts'],
  ['TRUNKLINE_CONFIRM_SECONDS', '4'],
  ['TRUNKLINE_CONFIRM_SECONDS', '3601'],
  ['TRUNKLINE_CONFIRM_SECONDS', '6e1'],
  ['TRUNKLINE_CONFIRM_SECONDS', '60s'],
  ['TRUNKLINE_CONFIRM_SECONDS', '-60'],
  ['TRUNKLINE_DNS_LISTEN', '53'],
  ['TRUNKLINE_DNS_LISTEN', '172.16.1.30'],
  ['TRUNKLINE_DNS_LISTEN', 'docker01:53'],
  ['TRUNKLINE_DNS_LISTEN', '172.16.1.300:53'],
  ['TRUNKLINE_DNS_LISTEN', '172.16.1.30:0'],
  ['TRUNKLINE_DNS_LISTEN', '172.16.1.30:65536'],
  ['TRUNKLINE_DNS_LISTEN', 'fd00::30:53'],
  ['TRUNKLINE_DNS_LISTEN', '[172.16.1.30]:53'],
  ['TRUNKLINE_DNS_ZONE', 'a..b'],
  ['TRUNKLINE_DNS_ZONE', '-a.internal'],
  ['TRUNKLINE_DNS_ZONE', 'a b'],
  ['TRUNKLINE_DNS_ZONE', `${'a.'.repeat(60)}internal`],
  ['TRUNKLINE_DNS_ZONE', '168.192.in-addr.arpa'],
  ['TRUNKLINE_LOG_LEVEL', 'loud'],
])('%s = %j is refused with its name and what to write', (name, value) => {
  const read = () => readConfig({ ...server, [name]: value }, sources);
  expect(read).toThrow(InvalidConfig);
  expect(read).toThrow(name);
  expect(read).toThrow(/write/);
});

const dnsOf = (listen: string) => readConfig({ ...server, TRUNKLINE_DNS_LISTEN: listen }, sources).dns;

test('DNS over IPv6 and for all addresses, in a zone of Trunkline unless another is named', () => {
  expect(dnsOf('[fd00::30]:5353')).toEqual({
    listen: { host: 'fd00::30', port: 5353 },
    zone: 'trunkline.internal',
  });
  expect(dnsOf('0.0.0.0:53')?.listen).toEqual({ host: '0.0.0.0', port: 53 });
});

test('the boot stage asks for nothing that it does not need', () => {
  expect(readBootConfig({ TRUNKLINE_SERVER: 'nonsense', TRUNKLINE_HOST_NAME: '-' })).toEqual({
    stateDir: '/var/lib/trunkline-agent',
    permitted: { parents: null, containers: 'all' },
    logLevel: 'info',
  });
  expect(() => readBootConfig({ TRUNKLINE_STATE_DIR: 'relative' })).toThrow(InvalidConfig);
});
