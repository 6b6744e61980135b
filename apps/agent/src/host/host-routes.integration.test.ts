/** The whole way between a host and a container in the real kernel: what ADR 0048 rests on. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCommandRunner, type RunCommand } from './command.ts';
import { changeContainerHostRoutes, readContainerHostAccess } from './container-host-routes.ts';
import { createLinks } from './ip-links.ts';
import { createKernel } from './kernel.ts';
import type { Links } from './links.ts';
import { readText } from './read-text.ts';
import { createProcessSpawner } from './spawn.ts';
import { createShimRoutes, type ShimRoutes } from './shim-routes.ts';
import type { SpawnedProcess } from './watch-links.ts';

const run = createCommandRunner();
const spawn = createProcessSpawner();
const isRoot = process.getuid?.() === 0;
const shim = { parent: 'ens33', name: 'tlh-ens33', mac: 'd6:54:00:00:00:01' };
const boxMac = '02:42:ac:10:64:0a';
const box = ['172.16.100.10', 'fd00:100::10'] as const;
const own = ['172.16.1.30', 'fd00:1::30'] as const;

interface Place {
  readonly name: string;
  readonly inside: RunCommand;
}

describe.skipIf(!isRoot)('host access in the real kernel (needs root)', () => {
  const made: string[] = [];
  let container: SpawnedProcess | undefined;
  let pid = 0;
  let host: Place;
  let station: Place;
  let inBox: Place;
  let links: Links;
  let routes: ShimRoutes;

  async function namespace(): Promise<Place> {
    const name = `tlt-${randomBytes(4).toString('hex')}`;
    await run('ip', ['netns', 'add', name]);
    made.push(name);
    const inside: RunCommand = (file, argv, options) =>
      run('ip', ['netns', 'exec', name, file, ...argv], options);
    return { name, inside };
  }
  const ip = async ({ inside }: Place, ...argv: string[]) => (await inside('ip', argv)).stdout;
  const pingsFrom = async ({ inside }: Place, address: string): Promise<boolean> =>
    (await inside('ping', ['-c', '1', '-W', '1', address], { acceptCodes: [0, 1, 2] })).code === 0;
  /** /proc/sys shows the network of who opens it: the file is written by a program that is there. */
  const settle = async (): Promise<void> => {
    const kernel = createKernel({
      run: host.inside,
      readFile: async (path) =>
        path.startsWith('/proc/sys/') ? (await host.inside('cat', [path])).stdout : await readText(path),
      writeFile: async (path, text) => {
        if (path.startsWith('/proc/sys/')) await host.inside('tee', [path], { input: text });
        else await writeFile(path, text);
      },
      release: () => '',
      now: Date.now,
    });
    await kernel.settleShim(shim.name);
  };

  beforeEach(async () => {
    [host, station, inBox] = [await namespace(), await namespace(), await namespace()];
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', station.name];
    await ip(host, 'link', 'add', 'ens33', ...peer);
    await ip(host, 'link', 'set', 'ens33', 'up');
    await ip(host, 'address', 'add', '172.16.1.30/24', 'dev', 'ens33');
    await ip(host, 'address', 'add', 'fd00:1::30/64', 'dev', 'ens33', 'nodad');
    await ip(station, 'link', 'set', 'eth0', 'up');
    await ip(station, 'address', 'add', '172.16.1.99/24', 'dev', 'eth0');
    const macvlan = ['type', 'macvlan', 'mode', 'bridge'];
    await ip(host, 'link', 'add', 'link', 'ens33', 'name', 'box', 'address', boxMac, ...macvlan);
    await ip(host, 'link', 'set', 'box', 'netns', inBox.name, 'name', 'eth0');
    await ip(inBox, 'address', 'add', '172.16.100.10/24', 'dev', 'eth0');
    await ip(inBox, 'address', 'add', 'fd00:100::10/64', 'dev', 'eth0', 'nodad');
    await ip(inBox, 'link', 'set', 'eth0', 'up');
    container = spawn('ip', ['netns', 'exec', inBox.name, 'sleep', 'infinity']);
    await vi.waitFor(async () => {
      pid = Number((await run('ip', ['netns', 'pids', inBox.name])).stdout);
      if (pid === 0) throw new Error('the process is not in its namespace yet');
    }, 5000);
    links = createLinks(host.inside);
    routes = createShimRoutes(host.inside);
    await links.addShim(shim);
    await settle();
    await links.setUp(shim.name);
  });
  afterEach(async () => {
    container?.stop();
    await Promise.allSettled(made.splice(0).map((name) => run('ip', ['netns', 'delete', name])));
  });

  const open = async (): Promise<void> => {
    await routes.change(shim.name, {
      set: box.map((address, n) => ({ ip: address, source: own[n]!, mac: boxMac })),
      remove: [],
    });
    await changeContainerHostRoutes(run, pid, {
      set: own.map((address) => ({ ip: address, link: 'eth0', mac: shim.mac })),
      remove: [],
    });
  };

  it('goes both ways in both IP versions, twice set as once, and shows as it was set', async () => {
    expect(await pingsFrom(host, box[0])).toBe(false);
    await open();
    await open();
    for (const address of box) expect(await pingsFrom(host, address)).toBe(true);
    for (const address of own) expect(await pingsFrom(inBox, address)).toBe(true);
    expect(await routes.list(shim.name)).toEqual(
      box.map((address, n) => ({ ip: address, source: own[n], mac: boxMac })),
    );
    expect((await readContainerHostAccess(pid, readText))?.routes).toEqual(
      own.map((address) => ({ ip: address, link: 'eth0', mac: shim.mac })),
    );
  });

  it('ends with nothing left on either side, also where some of it is gone already', async () => {
    const before = [await ip(inBox, 'route', 'show', 'table', 'all'), await ip(inBox, 'neigh')];
    await open();
    await ip(host, 'route', 'del', box[0], 'dev', shim.name);
    await routes.change(shim.name, { set: [], remove: box });
    await changeContainerHostRoutes(run, pid, {
      set: [],
      remove: own.map((address) => ({ ip: address, link: 'eth0' })),
    });
    expect(await routes.list(shim.name)).toEqual([]);
    expect(await readContainerHostAccess(pid, readText)).toMatchObject({ routes: [] });
    expect([await ip(inBox, 'route', 'show', 'table', 'all'), await ip(inBox, 'neigh')]).toEqual(before);
  });

  it('shows that the neighbours are gone when an interface has lost them, in both IP versions', async () => {
    await open();
    // As an IPv6 address is announced (wire/announce.ts).
    await ip(inBox, 'link', 'set', 'eth0', 'address', boxMac);
    expect((await readContainerHostAccess(pid, readText))?.routes.map(({ mac }) => mac)).toEqual([
      null,
      null,
    ]);
    await open();
    for (const address of own) expect(await pingsFrom(inBox, address)).toBe(true);
  });

  it('a route of somebody else to the same address is neither replaced nor removed', async () => {
    await ip(host, 'route', 'add', box[0], 'dev', 'ens33');
    const theirs = await ip(host, 'route', 'show', 'dev', 'ens33');
    await open();
    await routes.change(shim.name, { set: [], remove: box });
    expect(await ip(host, 'route', 'show', 'dev', 'ens33')).toBe(theirs);
  });

  it('the shim has no address, sends nothing of its own, and a station keeps the MAC of the host', async () => {
    expect(await pingsFrom(station, own[0])).toBe(true);
    const hostMac = (await links.get('ens33')).mac;
    const heard = station.inside('tcpdump', ['-n', '-e', '-c', '1', '-i', 'eth0', `ether src ${shim.mac}`], {
      timeoutMs: 4000,
    });
    await open();
    for (const address of box) expect(await pingsFrom(host, address)).toBe(true);
    for (const address of own) expect(await pingsFrom(inBox, address)).toBe(true);
    await ip(station, 'neigh', 'flush', 'all');
    expect(await pingsFrom(station, own[0])).toBe(true);
    expect(await ip(station, 'neigh', 'show', own[0])).toContain(hostMac);
    expect((await links.get(shim.name)).addresses).toEqual([]);
    await expect(heard).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('a broadcast of the wire reaches a program of the host once', async () => {
    await open();
    const listener = spawn('ip', ['netns', 'exec', host.name, process.execPath, '-e', countFor500Ms]);
    const said = listener.output[Symbol.asyncIterator]();
    expect(String((await said.next()).value).trim()).toBe('listening');
    await station.inside(process.execPath, ['-e', broadcast]);
    expect(String((await said.next()).value).trim()).toBe('1');
  });
});

/** Programs that hear and send broadcasts on a port. The first tells how many came within half a second of the first. */
const countFor500Ms = `
  const socket = require('node:dgram').createSocket('udp4');
  let heard = 0;
  socket.on('message', () => {
    if (heard++ === 0) setTimeout(() => (console.log(heard), process.exit()), 500);
  });
  socket.bind(7401, () => console.log('listening'));`;
const broadcast = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.bind(() => {
    socket.setBroadcast(true);
    socket.send('x', 7401, '172.16.1.255', () => socket.close());
  });`;
