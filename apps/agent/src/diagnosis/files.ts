import type { HostFinding } from '@trunkline/contracts';
import type { Examiner } from './examiner.ts';
import { followedScripts, readGroup } from './files/read.ts';
import { sources } from './files/sources.ts';
import { distinct } from './files/last-word.ts';
import type { HostFile, Undoing, Wanted } from './files/undoing.ts';
import { wantedOf } from './files/wanted.ts';

/** Files that set up interfaces at boot, and undo ours. What they are is in the table `sources`. */
export const filesExaminer: Examiner = {
  area: 'files',
  begin: async (scene) => {
    const [needed, ...read] = await Promise.all([
      wantedOf(scene),
      ...sources.map(async ({ groups }) => await Promise.all(groups.map((group) => readGroup(group, scene)))),
    ]);
    const all = read.flat(2);
    const wanted = { ...needed, names: needed.names.filter((name) => isSetUpHere(name, needed, all)) };
    const scripts = await followedScripts(all, scene);
    const found = sources.flatMap(({ undone }, at) => undone(read[at] ?? [], { wanted, scripts, all }));
    const paths = new Set(all.map(({ path }) => path));
    return () => ({
      findings: distinct(found).map(findingOf),
      detail: `${paths.size} files of ${sources.map(({ words }) => words).join(', ')}`,
    });
  },
};

/** The agent makes the VLAN sub-interfaces that no file names, and nothing calls hooks for them. */
const isSetUpHere = (name: string, { links }: Wanted, all: readonly HostFile[]): boolean =>
  links.every((link) => link.name !== name || link.vlan === null) ||
  all.some(({ path, text }) => `${path}\n${text}`.includes(name));

const findingOf = ({ path, line, text, subject, does }: Undoing): HostFinding => ({
  code: 'undone-at-boot',
  subject: `${path} line ${line}`,
  message: `after the next boot, ${subject} will ${does}, because of line ${line} of ${path}`,
  evidence: [`${path}, line ${line}: ${text}`],
  remedy: `change or remove line ${line} of ${path}`,
});
