import { distinct, undoneBySteps, type Scripts, type Step } from './last-word.ts';
import type { HostFile, Undoing, Wanted } from './undoing.ts';

/** Lines of crontab(5): what runs at boot, and after it what runs by the clock. */
export function undoneByCron(
  /** Those with the name of a user before the command. */
  system: readonly HostFile[],
  /** Those of root. */
  own: readonly HostFile[],
  wanted: Wanted,
  scripts: Scripts,
): readonly Undoing[] {
  const files = [
    ...system.map((file) => ({ file, hasUser: true })),
    ...own.map((file) => ({ file, hasUser: false })),
  ];
  return distinct(
    files.flatMap(({ file, hasUser }) => undoneBySteps(stepsOf(file, hasUser), wanted, scripts)),
  );
}

function stepsOf({ path, text }: HostFile, hasUser: boolean): readonly Step[] {
  const jobs = text.split('\n').flatMap((whole, at) => {
    const line = whole.trim();
    const [, when, rest] = /^(@\w+|(?:[\d*,/A-Za-z~-]+\s+){4}[\d*,/A-Za-z~-]+)\s+(.+)$/.exec(line) ?? [];
    if (when === undefined || rest === undefined) return [];
    // What stands after a `%` is given to the command to read.
    const command = (hasUser ? rest.replace(/^\S+\s+/, '') : rest).replace(/(?<!\\)%.*$/, '');
    const step: Step = { path, text: command, variables: {}, at: { path, line: at + 1, text: line } };
    return [{ step, isAtBoot: when === '@reboot' }];
  });
  return jobs.toSorted((one, other) => Number(other.isAtBoot) - Number(one.isAtBoot)).map(({ step }) => step);
}
