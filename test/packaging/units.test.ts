/** The systemd units keep the order of a boot: links, then the agent, then Docker, and nothing that delays Docker. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../apps/agent/src/config.ts';
import { maxBootMs } from '../../apps/agent/src/boot.ts';
import { agentNodeFlags } from '@trunkline/lab/fleet/fleet.ts';
import { parseUnit, valueOf, wordsOf, type UnitFile } from './unit-file.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const folder = path.join(repository, 'packaging/systemd');
const read = (name: string): UnitFile => parseUnit(readFileSync(path.join(folder, name), 'utf8'));
const names = ['trunkline-agent-boot.service', 'trunkline-agent.service'] as const;
const socketName = 'trunkline-agent.socket';
const serverName = 'trunkline-server.service';
const units = [...names, socketName] as const;
const boot = read('trunkline-agent-boot.service');
const agent = read('trunkline-agent.service');
const socket = read(socketName);
const words = (unit: UnitFile, key: string): readonly string[] => wordsOf(unit, 'Unit', key);
const variables = (text: string): readonly string[] => [...new Set(text.match(/TRUNKLINE_[A-Z_]+/g))].sort();
const service = (unit: UnitFile, key: string): string | undefined => valueOf(unit, 'Service', key);

test('a unit is read as systemd reads it', () => {
  const unit = parseUnit('# c\n[Unit]\nAfter=a b\nAfter=c\nWants=x\nWants=\n\n[Service]\nType=exec\n');
  expect(wordsOf(unit, 'Unit', 'After')).toEqual(['a', 'b', 'c']);
  expect(wordsOf(unit, 'Unit', 'Wants')).toEqual([]);
  expect(valueOf(unit, 'Service', 'Type')).toBe('exec');
  expect(() => parseUnit('Type=exec')).toThrow('not a line');
  expect(() => parseUnit('[Unit]\nAfter')).toThrow('not a line');
});

describe('order', () => {
  test('links come back before Docker starts, and before the agent', () => {
    expect(words(boot, 'Before')).toEqual(['trunkline-agent.service', 'docker.service']);
    expect(words(agent, 'After')).toContain('trunkline-agent-boot.service');
    expect(service(boot, 'Type')).toBe('oneshot');
    expect(service(boot, 'RemainAfterExit')).toBe('yes');
  });

  test('the agent is started before Docker, and stopped after it', () => {
    expect(words(agent, 'Before')).toEqual(['docker.service']);
    expect(service(agent, 'Type')).toBe('exec');
  });

  test('links that the system makes itself come before ours', () => {
    for (const before of ['network-pre.target', 'network.target', 'systemd-modules-load.service']) {
      expect(words(boot, 'After')).toContain(before);
    }
  });

  test('whatever starts Docker starts both, and the system does', () => {
    for (const unit of [boot, agent]) {
      expect(wordsOf(unit, 'Install', 'WantedBy')).toEqual(['multi-user.target', 'docker.service']);
    }
    expect(words(agent, 'Wants')).toEqual(['trunkline-agent-boot.service', socketName]);
  });

  test('the socket of the address driver is there before Docker and before the agent, whatever starts them', () => {
    expect(words(socket, 'Before')).toEqual(['docker.service']);
    expect(words(agent, 'After')).toContain(socketName);
    expect(wordsOf(socket, 'Install', 'WantedBy')).toEqual(['sockets.target', 'docker.service']);
    const { pluginSocket } = readConfig({ TRUNKLINE_SERVER: 'http://127.0.0.1:7400' });
    expect(valueOf(socket, 'Socket', 'ListenStream')).toBe(pluginSocket);
    expect(valueOf(socket, 'Socket', 'SocketMode')).toBe('0600');
  });

  test.each(units)(
    '%s waits for nothing that may not come: network online, settled devices, Docker',
    (name) => {
      const unit = read(name);
      const bonds = ['After', 'Wants', 'Requires', 'Requisite', 'BindsTo', 'PartOf', 'Upholds'];
      const all = bonds.flatMap((key) => words(unit, key));
      expect(all.filter((one) => /online|settle|docker|containerd/.test(one))).toEqual([]);
      // The minimal system (its disks, its devices, its sysctls) comes first by systemd's own default.
      expect(valueOf(unit, 'Unit', 'DefaultDependencies')).toBeUndefined();
    },
  );

  test.each(units)('nothing requires %s: one that fails holds up nothing', (name) => {
    const unit = read(name);
    for (const key of ['RequiredBy', 'UpheldBy', 'Also']) expect(wordsOf(unit, 'Install', key)).toEqual([]);
    for (const key of ['Requires', 'Requisite', 'BindsTo', 'FailureAction', 'OnFailure', 'Conflicts']) {
      expect(words(unit, key)).toEqual([]);
    }
  });

  test('the boot stage is bounded, with room for its own bound', () => {
    const seconds = Number(service(boot, 'TimeoutStartSec'));
    expect(seconds * 1000).toBeGreaterThan(maxBootMs + 5000);
    expect(seconds).toBeLessThanOrEqual(60);
  });
});

describe('the agent as a service', () => {
  test('is started again whatever ends it, for ever', () => {
    expect(service(agent, 'Restart')).toBe('always');
    expect(Number(service(agent, 'RestartSec'))).toBeGreaterThan(0);
    expect(valueOf(agent, 'Unit', 'StartLimitIntervalSec')).toBe('0');
  });

  test('ends without harm to what runs, and has its own private folder', () => {
    expect(service(agent, 'KillMode')).toBe('mixed');
    expect(service(agent, 'StateDirectory')).toBe('trunkline-agent');
    expect(service(agent, 'StateDirectoryMode')).toBe('0700');
  });

  test('may do what it is there for', () => {
    const may = wordsOf(agent, 'Service', 'CapabilityBoundingSet');
    for (const name of ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_PTRACE', 'SYS_MODULE']) {
      expect(may).toContain(`CAP_${name}`);
    }
    for (const key of ['ProtectKernelModules', 'ProtectKernelTunables']) {
      expect([service(agent, key), service(boot, key)]).toEqual(['no', 'no']);
    }
    // V8 makes code at run time; the network is the host's own; containers' processes are to be seen.
    for (const key of ['MemoryDenyWriteExecute', 'PrivateNetwork', 'PrivateUsers', 'ProtectProc', 'User']) {
      expect([service(agent, key), service(boot, key)]).toEqual([undefined, undefined]);
    }
    expect(wordsOf(agent, 'Service', 'RestrictAddressFamilies')).toEqual(
      expect.arrayContaining(['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK']),
    );
    expect(service(agent, 'RestrictNamespaces')).toBe('net');
    expect(wordsOf(boot, 'Service', 'CapabilityBoundingSet')).toEqual(
      expect.arrayContaining(['CAP_NET_ADMIN', 'CAP_SYS_MODULE']),
    );
  });

  test.each([
    ['trunkline-agent.service', ''],
    ['trunkline-agent-boot.service', ' --boot'],
  ])('%s runs the program of the package', (name, options) => {
    expect(service(read(name), 'ExecStart')).toBe(`/usr/sbin/trunkline-agent${options}`);
  });

  test('is skipped, not failed, as long as no server is named', () => {
    expect(service(agent, 'ExecCondition')).toBe(`/bin/sh -c 'test -n "$TRUNKLINE_SERVER"'`);
    const condition = /^\/bin\/sh -c '(.*)'$/.exec(service(agent, 'ExecCondition') ?? '')?.[1] ?? '';
    const statusWith = (env: NodeJS.ProcessEnv): number | null =>
      spawnSync('/bin/sh', ['-c', condition], { env }).status;
    expect([
      statusWith({}),
      statusWith({ TRUNKLINE_SERVER: '' }),
      statusWith({ TRUNKLINE_SERVER: 'x' }),
    ]).toEqual([1, 1, 0]);
  });

  test('starts with the same memory whether a package, `npm run agent`, a test or a benchmark starts it', () => {
    const launcher = readFileSync(path.join(repository, 'packaging/agent/trunkline-agent'), 'utf8');
    const started = /^exec "\$lib\/node" (.*?) "\$@"$/ms.exec(launcher)?.[1] ?? '';
    expect(started.split(/[\s\\]+/)).toEqual(agentNodeFlags);
    const { scripts } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(scripts['agent']).toBe(
      `exec sh scripts/with-node.sh node ${agentNodeFlags.join(' ')} apps/agent/src/main.ts`,
    );
  });
});

describe('the server as a service', () => {
  const server = read(serverName);

  test('runs as a user of its own, with a state folder that nobody else reads', () => {
    expect(service(server, 'User')).toBe('trunkline');
    expect(service(server, 'StateDirectory')).toBe('trunkline');
    expect(service(server, 'StateDirectoryMode')).toBe('0700');
    expect(service(server, 'Environment')).toBe('TRUNKLINE_DATA_DIR=/var/lib/trunkline');
    // V8 makes code at run time.
    expect(service(server, 'MemoryDenyWriteExecute')).toBeUndefined();
  });

  test('is skipped, not failed, as long as no database is named', () => {
    expect(service(server, 'ExecCondition')).toBe(`/bin/sh -c 'test -n "$DATABASE_URL"'`);
    expect(service(server, 'EnvironmentFile')).toBe('/etc/trunkline/server.env');
  });

  test('its file of settings names only variables that it reads', () => {
    const text = readFileSync(path.join(repository, 'packaging/server/server.env'), 'utf8');
    const source = readFileSync(path.join(repository, 'apps/server/src/config.ts'), 'utf8');
    for (const name of variables(text)) expect(source).toContain(name);
    expect(text).toMatch(/^DATABASE_URL=$/m);
  });
});

describe('the file of settings', () => {
  const text = readFileSync(path.join(repository, 'packaging/agent/agent.env'), 'utf8');

  test('is one that the agent takes once a server is named, and says that it must be private', () => {
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.every((line) => /^TRUNKLINE_[A-Z_]+=\S*$/.test(line))).toBe(true);
    const env = Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]));
    expect(() => readConfig(env)).toThrow('TRUNKLINE_SERVER is not set');
    const server = 'https://trunkline.example.net:7400';
    expect(text).toContain(server);
    expect(readConfig({ ...env, TRUNKLINE_SERVER: server }).server).toBe(server);
    expect(text).toMatch(/mode 0600/);
    expect(service(agent, 'EnvironmentFile')).toBe('/etc/trunkline/agent.env');
    expect(service(boot, 'EnvironmentFile')).toBe('-/etc/trunkline/agent.env');
  });

  test('names the variables that the agent reads, and no others', () => {
    const source = readFileSync(path.join(repository, 'apps/agent/src/config.ts'), 'utf8');
    expect(variables(text)).toEqual(variables(source));
  });
});

const analyze = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
test.skipIf(analyze.error !== undefined)(
  'systemd itself finds nothing wrong with the units (skipped where systemd-analyze is not installed)',
  async () => {
    const copies = await mkdtemp(path.join(tmpdir(), 'trunkline-units-'));
    try {
      for (const name of [...units, serverName]) {
        const text = readFileSync(path.join(folder, name), 'utf8');
        await writeFile(
          path.join(copies, name),
          text.replaceAll(/\/usr\/sbin\/trunkline-(?:agent|server)/g, '/bin/true'),
        );
      }
      const copied = [...units, serverName].map((name) => path.join(copies, name));
      // It ends well also when it ignored a line: what counts is that it says nothing.
      const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...copied], {
        encoding: 'utf8',
        timeout: 30_000,
      });
      expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: '' });
    } finally {
      await rm(copies, { recursive: true, force: true });
    }
  },
);

test.skipIf(analyze.error !== undefined).each([
  ['trunkline-agent.service', 5],
  ['trunkline-agent-boot.service', 5],
  ['trunkline-server.service', 3],
])('systemd finds %s exposed to %d of 10 at most', (name, most) => {
  const unit = path.join(folder, name);
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
  expect(exposure).toBeLessThanOrEqual(most);
});

test('nothing else is in the folder of units', () => {
  expect(readdirSync(folder).sort()).toEqual([...names, socketName, serverName].sort());
  // systemd complains of units that can be executed.
  for (const name of units) expect(statSync(path.join(folder, name)).mode & 0o111).toBe(0);
});
