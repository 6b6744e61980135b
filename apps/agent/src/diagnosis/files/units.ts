import { distinct, undoneBySteps, type Scripts, type Step } from './last-word.ts';
import { isNo, joinLines, settingsOf, type HostFile, type Undoing, type Wanted } from './undoing.ts';

/** A line of a unit, with the file that it stands in. */
interface Line {
  readonly path: string;
  readonly line: number;
  readonly text: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Services of systemd with their drop-ins, also those that a timer starts (systemd.service(5)). What a service runs only when it stops, or
 * when it is reloaded, does not run at boot. Whether one is enabled is not looked at: it may be started by another.
 */
export function undoneByUnits(
  files: readonly HostFile[],
  /** Those that may name the instance of a template, by their text or by their path. */
  all: readonly HostFile[],
  wanted: Wanted,
  scripts: Scripts,
): readonly Undoing[] {
  const units = new Map<string, HostFile[]>();
  for (const file of files) {
    const [, name] = /\/([^/]+\.service)(?:\.d\/[^/]+)?$/.exec(file.path) ?? [];
    if (name !== undefined) units.set(name, [...(units.get(name) ?? []), file]);
  }
  return distinct(
    [...units].flatMap(([name, parts]) => {
      const lines = parts.flatMap(linesOf);
      return instancesOf(name, wanted, all).flatMap((instance) =>
        undoneBySteps(stepsOf(lines, instance), wanted, scripts),
      );
    }),
  );
}

/** A template runs for the interfaces that a link of `systemctl enable` or a line of a file names. */
function instancesOf(unit: string, { names }: Wanted, all: readonly HostFile[]): readonly string[] {
  const [, template, instance] = /^(.+@)(.*)\.service$/.exec(unit) ?? [];
  if (template === undefined || instance !== '') return [instance ?? ''];
  return names.filter((name) =>
    all.some(({ path, text }) => `${path}\n${text}`.includes(`${template}${name}.service`)),
  );
}

const linesOf = ({ path, text }: HostFile): readonly Line[] =>
  settingsOf(joinLines(text))
    .filter(({ section }) => section === 'service')
    .map(({ line, text: whole, key, value }) => ({ path, line, text: whole, key, value }));

const starts = ['execstartpre', 'execstart', 'execstartpost'];
const stops = ['execstop', 'execstoppost'];

function stepsOf(lines: readonly Line[], instance: string): readonly Step[] {
  const valueOf = (key: string): string => lines.findLast((one) => one.key === key)?.value ?? '';
  // It stops as soon as it has started.
  const stopsAtOnce = valueOf('type') === 'oneshot' && !isYes(valueOf('remainafterexit'));
  return [...starts, ...(stopsAtOnce ? stops : [])].flatMap((key) => {
    const all = lines.filter((one) => one.key === key);
    // An empty one takes back those before it.
    return all
      .slice(all.findLastIndex(({ value }) => value === '') + 1)
      .map(({ path, line, text, value }): Step => {
        const command = value
          .replace(/^[-@:+!|]+/, '')
          .replaceAll(/%[iIjJ]/g, instance)
          .replaceAll('%%', '%');
        return { path, text: command, variables: {}, at: { path, line, text } };
      });
  });
}

const isYes = (value: string): boolean => value !== '' && !isNo(value);
