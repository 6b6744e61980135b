import { noProbe } from '../../wire/address-probe.ts';
import { network } from '../../reconcile/subjects.fixture.ts';
import type { Observed } from '../../observation/observed.ts';
import { filesExaminer } from '../files.ts';
import { examine } from '../scene.fixture.ts';
import type { Scene } from '../scene.ts';

/** Text of files by path. */
export type Files = Readonly<Record<string, string>>;
/** What a row of a table is about, the files, and the findings. */
export type Row = readonly [string, Files, readonly string[]];

const vlan10 = network({ name: 'mac_net10', parent: 'ens33', vlan: 10, mtu: 1500 });

export const ens33 = {
  name: 'ens33',
  mac: '00:0c:29:00:00:01' as string | null,
  master: null as string | null,
  mtu: 1500,
  kind: null as string | null,
};
const links = [ens33, { ...ens33, name: 'ens33.10', kind: 'vlan' }, { ...ens33, name: 'ens34', mac: null }];

/** Characters from which on a script is not read. */
export const large = 256 * 1024;

/** The links of a host, and an uplink or none. */
export const observedWith = (all: readonly Partial<typeof ens33>[], defaultRoute: string | null): Observed =>
  ({ links: all, defaultRoute }) as unknown as Observed;

/**
 * A host with these files; `ens33` is the parent, `ens33.10` carries VLAN 10 of it, and no network uses `ens34`. Of `/proc/sys` it has what is
 * in `settings`.
 */
export function sceneWith(files: Files, change: Partial<Scene> = {}, settings: Files = {}): Scene {
  return {
    networks: [{ network: vlan10, linkName: 'ens33.10', link: null }],
    containers: [],
    observed: observedWith(links, 'ens33'),
    inspect: async () => null,
    recheck: noProbe.recheck,
    run: async (program, argv) => {
      const lines = {
        grep: () => argv.flatMap((path) => (path in settings ? [`${path}:${settings[path]}\n`] : [])),
        find: () => argv.flatMap((path) => ((files[path]?.length ?? large) < large ? [`${path}\n`] : [])),
      }[program];
      if (lines === undefined) throw new Error('it reads files alone');
      return { stdout: lines().join(''), stderr: '', code: 0 };
    },
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    readFolder: async (folder) => {
      const inside = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
      return [...new Set(inside.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))].toSorted();
    },
    signal: new AbortController().signal,
    ...change,
  };
}

/** Findings in a line each: `/etc/rc.local, line 2: ip link set ens33 down -> interface ens33 will be set down`. */
export async function found(
  files: Files,
  change: Partial<Scene> = {},
  settings: Files = {},
): Promise<string[]> {
  const { findings } = await examine(filesExaminer, sceneWith(files, change, settings));
  return findings.map(
    ({ evidence, message }) =>
      `${evidence[0]} -> ${/^after the next boot, (.*), because/.exec(message)?.[1]}`,
  );
}
