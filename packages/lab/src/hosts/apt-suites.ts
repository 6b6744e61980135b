/** Reads what apt prints of its sources and packages. Pure. */

/** One index of packages that apt reads. */
export interface AptTarget {
  /** Base of the repository, with a closing slash. */
  readonly mirror: string;
  /** `bookworm`, as the sources name it. */
  readonly suite: string;
  readonly component: string;
  /** Who publishes it (`Debian`); empty while its lists were never fetched. */
  readonly origin: string;
  /** `Debian`, `Debian-Security`, … */
  readonly label: string;
}

/** Reads `apt-get indextargets`. */
export function parseIndexTargets(text: string): readonly AptTarget[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => {
    const field = (name: string): string =>
      new RegExp(`^${name}: *(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? '';
    const target = {
      mirror: field('Repo-URI'),
      suite: field('Release'),
      component: field('Component'),
      origin: field('Origin'),
      label: field('Label'),
    };
    return target.mirror === '' || target.suite === '' ? [] : [target];
  });
}

/** A place to look for packages. */
export interface AptSuite {
  readonly mirror: string;
  readonly suite: string;
  readonly components: readonly string[];
  readonly origin: string;
}

/** Newer than what most machines run first; names that no release ever loses. */
const DEBIAN_SUITES = ['testing', 'stable', 'unstable', 'experimental', 'oldstable'];

/**
 * Where another release of a package may be, in the order to look: the suites of Debian on the machine's own mirror, then
 * the suites that the machine reads. Sources of others (a vendor's, a security archive, which has no suites like these) are
 * left out.
 */
export function suitesOf(targets: readonly AptTarget[]): readonly AptSuite[] {
  const own = targets.filter(
    ({ origin, label }) => origin !== '' && origin === label && isDistribution(origin),
  );
  const componentsOf = (mirror: string): readonly string[] => [
    ...new Set(own.filter((target) => target.mirror === mirror).map(({ component }) => component)),
  ];
  const suites = own.flatMap(({ mirror, suite, origin }): AptSuite[] => [
    { mirror, suite, origin, components: componentsOf(mirror) },
  ]);
  const debian = suites.find(({ origin }) => origin === 'Debian');
  const others = debian === undefined ? [] : DEBIAN_SUITES.map((suite) => ({ ...debian, suite }));
  const seen = new Set<string>();
  return [...others, ...suites].filter(({ mirror, suite }) => {
    const key = `${mirror} ${suite}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function isDistribution(origin: string): boolean {
  return origin === 'Debian' || origin === 'Ubuntu';
}

/**
 * The newest version of package `name` in the answer of `apt-cache madison`, which lists the newest first; with `major`, of
 * that major version. Null without one.
 */
export function newestOf(madison: string, name: string, major?: number): string | null {
  const versions = madison.split('\n').flatMap((line) => {
    const [found = '', version = ''] = line.split('|').map((field) => field.trim());
    return found === name ? [version] : [];
  });
  const fits = (version: string): boolean =>
    major === undefined || new RegExp(`^(?:\\d+:)?${String(major)}\\.`).test(version);
  return versions.find(fits) ?? null;
}
