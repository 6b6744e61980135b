import { expect, it } from 'vitest';
import { collectFacts, osPrettyName, reportedLinks } from './facts.ts';
import type { FactsSources } from './facts.ts';
import { createFakeDockerEngine } from './docker-engine.fake.ts';
import { createFakeKernel } from './kernel.fake.ts';
import { createFakeLinks } from './links.fake.ts';

const sources = (change: Partial<FactsSources> = {}): FactsSources => ({
  links: createFakeLinks([
    {
      name: 'ens33',
      up: true,
      carrier: true,
      addresses: [{ family: 4, address: '172.16.1.30', prefixLength: 24, scope: 'global' }],
    },
  ]),
  docker: createFakeDockerEngine(),
  kernel: createFakeKernel(),
  readFile: async (path) =>
    path === '/sys/class/net/ens33/speed'
      ? '1000\n'
      : path === '/etc/os-release'
        ? 'NAME=Debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
        : 'boot-1\n',
  machine: {
    hostname: () => 'docker01',
    arch: () => 'x64',
    cpus: () => 2,
    memoryBytes: () => 1024,
  },
  agentVersion: '0.1.0',
  ...change,
});

it('reports machine, Docker and interfaces, without lo', async () => {
  expect(await collectFacts(sources())).toEqual({
    hostname: 'docker01',
    bootId: 'boot-1',
    os: 'Debian GNU/Linux 12 (bookworm)',
    kernel: '6.1.0',
    architecture: 'x64',
    cpus: 2,
    memoryBytes: '1024',
    agentVersion: '0.1.0',
    modules: { macvlan: true, vlan: true },
    forwarding: { ipv4: false, ipv6: false },
    docker: { reachable: true, version: '20.10.24', apiVersion: '1.41' },
    interfaces: [
      expect.objectContaining({ name: 'ens33', up: true, speedMbps: 1000, addresses: ['172.16.1.30/24'] }),
    ],
  });
});

it('reports a host whose Docker is down and whose files cannot be read', async () => {
  const docker = createFakeDockerEngine();
  docker.setReachable(false);
  const facts = await collectFacts(sources({ docker, readFile: () => Promise.reject(new Error('no')) }));
  expect(facts).toMatchObject({
    os: 'unknown',
    bootId: 'unknown',
    docker: { reachable: false, version: null, apiVersion: null },
  });
});

it('keeps the NIC in the report however many containers have a veth', async () => {
  const veths = Array.from({ length: 600 }, (_, index) => ({ name: `veth${index}`, kind: 'veth' }));
  const reported = reportedLinks(await createFakeLinks([...veths, { name: 'ens33' }]).list());
  expect(reported).toHaveLength(512);
  expect(reported[0]?.name).toBe('ens33');
});

it('reads PRETTY_NAME in every quoting that os-release(5) allows', () => {
  expect(osPrettyName('PRETTY_NAME=Alpine\n')).toBe('Alpine');
  expect(osPrettyName("PRETTY_NAME='A b'\n")).toBe('A b');
  expect(osPrettyName(String.raw`PRETTY_NAME="A \"b\""`)).toBe('A "b"');
  expect(osPrettyName('NAME=x')).toBeUndefined();
});
