import type { Scene } from '../scene.ts';
import type { Scripts } from './last-word.ts';
import type { HostFile } from './undoing.ts';

/** What files of a host are read with. */
type HostReader = Pick<Scene, 'readFile' | 'readFolder'>;

/** Folders, those that count first, and the names of their files that count. */
export interface Group {
  readonly folders: readonly string[];
  readonly name: RegExp;
  /** In the order of their names, over all folders; one name hides the same in a later folder. */
  readonly byName?: true;
  /** Also the files `*.conf` of folders that are called so, such as `10-lan.network.d`. */
  readonly dropIns?: RegExp;
}

/** Bounds for a folder that is full of other things. */
const maxFiles = 512;
const maxText = 1 << 20;
const maxScripts = 256;

/** The files of a group that can be read. */
export async function readGroup(group: Group, reader: HostReader): Promise<readonly HostFile[]> {
  const { name, byName, dropIns } = group;
  const listed = (
    await Promise.all(
      group.folders.map(async (folder) => {
        const names = await reader.readFolder(folder);
        const inner = dropIns === undefined ? [] : names.filter((one) => dropIns.test(one));
        const parts = await Promise.all(
          inner.map(async (one) => await filesIn(`${folder}/${one}`, /\.conf$/, reader)),
        );
        return [...named(folder, names, name), ...parts.flat()];
      }),
    )
  ).flat();
  const counting =
    byName === true
      ? listed
          .filter((one, at) => listed.findIndex((other) => other.name === one.name) === at)
          .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      : listed;
  const read = await Promise.all(
    counting.slice(0, maxFiles).map(async ({ path }) => await readOne(path, reader)),
  );
  return read.flat();
}

interface Listed {
  readonly name: string;
  readonly path: string;
}

const filesIn = async (folder: string, name: RegExp, reader: HostReader): Promise<readonly Listed[]> =>
  named(folder, await reader.readFolder(folder), name);
const named = (folder: string, names: readonly string[], name: RegExp): readonly Listed[] =>
  names.filter((one) => name.test(one)).map((one) => ({ name: one, path: `${folder}/${one}` }));

/** None: a folder, say, a link to what is not there, or no text of a size that people write. */
async function readOne(path: string, { readFile }: HostReader): Promise<readonly HostFile[]> {
  const text = await readFile(path).catch(() => null);
  return text === null || text.length > maxText || text.includes('\0') ? [] : [{ path, text }];
}

/** Where people put scripts of their own. */
const ownFolders = /(?<![\w./-])\/(?:usr\/local|opt|root|home|srv|etc)\/[\w./@+-]+/g;

/** Scripts that files name by their path, in a line that is no comment. What is no file, or a large one, is not opened. */
export async function followedScripts(files: readonly HostFile[], scene: Scene): Promise<Scripts> {
  const known = new Set(files.map(({ path }) => path));
  const mentioned = files
    .flatMap(({ text }) => text.split('\n').filter((line) => !/^\s*[#;]/.test(line)))
    .flatMap((line) => line.match(ownFolders) ?? []);
  const paths = [...new Set(mentioned)].filter((path) => !known.has(path)).slice(0, maxScripts);
  if (paths.length === 0) return new Map();
  const { signal } = scene;
  const tests = ['-maxdepth', '0', '-type', 'f', '-size', '-256k'];
  // 1: one of them is not there (find(1)).
  const small = await scene
    .run('find', ['-L', ...paths, ...tests], { signal, acceptCodes: [0, 1] })
    .catch(() => ({ stdout: '' }));
  const there = small.stdout.split('\n').filter((path) => paths.includes(path));
  const read = await Promise.all(there.map((path) => readOne(path, scene)));
  return new Map(read.flat().map(({ path, text }) => [path, text]));
}
