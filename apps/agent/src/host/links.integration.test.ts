import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandFailed, createCommandRunner } from './command.ts';
import type { RunCommand } from './command.ts';
import { createLinks } from './ip-links.ts';
import { describeLinksContract } from './links.contract.ts';
import type { LinksSubject } from './links.contract.ts';
import { createResidentIp } from './resident-ip.ts';
import { createDialogueOpener, createProcessSpawner, realTiming } from './spawn.ts';
import { watchLinks } from './watch-links.ts';
import type { SpawnedProcess } from './watch-links.ts';

const run = createCommandRunner();
const isRoot = process.getuid?.() === 0;

/** A namespace of our own with `ens33`, one end of a veth whose other end is up on the switch side. */
async function createNamespace(): Promise<{
  name: string;
  inside: RunCommand;
  dispose: () => Promise<void>;
}> {
  const name = `tlt-${randomBytes(4).toString('hex')}`;
  const inside: RunCommand = (file, argv, options) =>
    run('ip', ['netns', 'exec', name, file, ...argv], options);
  // The far end in a namespace of its own, so that ens33 is alone, as a NIC is.
  const far = `${name}-sw`;
  const dispose = async (): Promise<void> => {
    await Promise.allSettled([name, far].map((each) => run('ip', ['netns', 'delete', each])));
  };
  try {
    await run('ip', ['netns', 'add', name]);
    await run('ip', ['netns', 'add', far]);
    await inside('ip', ['link', 'add', 'ens33', 'type', 'veth', 'peer', 'name', 'port', 'netns', far]);
    await run('ip', ['-n', far, 'link', 'set', 'port', 'up']);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { name, inside, dispose };
}

/** `resident`: looks through one `ip` that stays, as the agent does. */
async function createSubject(resident: boolean): Promise<LinksSubject> {
  const { name, inside, dispose } = await createNamespace();
  const open = createDialogueOpener();
  const ip = createResidentIp((file, argv) => open('ip', ['netns', 'exec', name, file, ...argv]), inside);
  return {
    links: resident ? createLinks(inside, ip.show) : createLinks(inside),
    addMacvlan: async (link) => {
      await inside('ip', ['link', 'add', link, 'link', 'ens33', 'type', 'macvlan', 'mode', 'bridge']);
    },
    dispose: async () => {
      ip.stop();
      await dispose();
    },
  };
}

/** Why this kernel makes no VLAN links, found by trying; null when it does. */
async function whyNoVlan(): Promise<string | null> {
  if (!isRoot) return 'needs root';
  const { inside, dispose } = await createNamespace();
  try {
    await inside('ip', ['link', 'add', 'link', 'ens33', 'name', 'v', 'type', 'vlan', 'id', '10']);
    return null;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return `this kernel has no 8021q: ${error.stderr.trim()}`;
  } finally {
    await dispose();
  }
}

const noVlan = await whyNoVlan();

describe.skipIf(!isRoot)('the real kernel (needs root)', () => {
  describeLinksContract('kernel', () => createSubject(false), noVlan);
  describeLinksContract('kernel, through one ip that stays', () => createSubject(true), noVlan);

  describe('in a namespace', () => {
    let namespace: Awaited<ReturnType<typeof createNamespace>>;
    beforeAll(async () => {
      namespace = await createNamespace();
    });
    afterAll(async () => {
      await namespace.dispose();
    });

    it('reads addresses, bridges and their ports, and users of promiscuous mode', async () => {
      const { inside } = namespace;
      await inside('ip', ['link', 'add', 'br0', 'type', 'bridge']);
      await inside('ip', ['link', 'set', 'dev', 'ens33', 'master', 'br0', 'up']);
      await inside('ip', ['address', 'add', '172.16.1.30/24', 'dev', 'br0']);
      const links = createLinks(inside);
      expect(await links.get('br0')).toMatchObject({ kind: 'bridge', master: null });
      expect((await links.get('br0')).addresses).toContainEqual({
        family: 4,
        address: '172.16.1.30',
        prefixLength: 24,
        scope: 'global',
      });
      expect(await links.get('ens33')).toMatchObject({
        kind: 'veth',
        master: 'br0',
        promiscuous: false,
        promiscuity: 1,
      });
    });

    it.skipIf(noVlan === null)('leaves nothing behind where the kernel makes no VLAN links', async () => {
      const links = createLinks(namespace.inside);
      const wanted = links.addVlan({ parent: 'ens33', name: 'ens33.10', vlan: 10 });
      await expect(wanted).rejects.toThrow(CommandFailed);
      expect((await links.list()).map((link) => link.name)).not.toContain('ens33.10');
    });

    it('tells of changes, and starts again when the monitor is killed', async () => {
      const stop = new AbortController();
      const spawn = createProcessSpawner();
      let seen = 0;
      let current: SpawnedProcess | undefined;
      const watching = watchLinks(
        (file, argv) => {
          current = spawn('ip', ['netns', 'exec', namespace.name, file, ...argv]);
          return current;
        },
        () => (seen += 1),
        stop.signal,
        { ...realTiming, random: () => 0.1 },
      );
      const links = createLinks(namespace.inside);
      let mtu = 1400;
      const changesAreSeen = async (): Promise<void> => {
        const before = seen;
        // `ip` may not listen yet, so one change may go unseen; the next is not.
        await expect
          .poll(
            async () => {
              await links.setMtu('ens33', (mtu -= 1));
              return seen;
            },
            { timeout: 10_000, interval: 50 },
          )
          .toBeGreaterThan(before + 1);
      };
      try {
        await changesAreSeen();
        current?.stop();
        await changesAreSeen();
      } finally {
        stop.abort();
        await watching;
      }
    });
  });
});
