import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path/posix';
import type { OxlintOverride } from 'oxlint';

/**
 * What the production code of each place may import of ours, beside what is in its own folder and below: packages by their
 * names, other places by theirs, single files where only those are meant. `oxlint.config.ts` makes lint hold it, and
 * docs/architecture.md shows it with the same words.
 *
 * A room of the agent may also import what `<room>` names, a feature of the server what `<feature>` names.
 */
export const importTable: Readonly<Record<string, readonly string[]>> = {
  'packages/contracts': [],
  'packages/netaddr': [],
  'packages/batching': [],
  'packages/log': [],
  'packages/embedded-postgres': [],
  'packages/client': ['contracts'],
  'packages/lab': ['client', 'log'],

  'apps/server/src': ['embedded-postgres', 'log', 'netaddr'],
  'apps/server/src/tls': ['log'],
  'apps/server/src/platform': ['contracts', 'log', 'netaddr', 'prisma/generated'],
  'apps/server/src/features/<feature>': ['platform', 'batching', 'contracts', 'log', 'netaddr'],
  'apps/server/src/features/addresses': [],
  'apps/server/src/features/agents': ['hosts', 'join-tokens', 'recovery'],
  'apps/server/src/features/audit': [],
  'apps/server/src/features/checks': [],
  'apps/server/src/features/containers': ['addresses'],
  'apps/server/src/features/docs': [],
  'apps/server/src/features/endpoints': ['addresses'],
  'apps/server/src/features/events': [],
  'apps/server/src/features/health': ['recovery'],
  'apps/server/src/features/hosts': [],
  'apps/server/src/features/join-tokens': [],
  'apps/server/src/features/leases': ['addresses'],
  'apps/server/src/features/limits': [],
  'apps/server/src/features/names': [],
  'apps/server/src/features/networks': ['addresses', 'checks', 'limits', 'placements'],
  'apps/server/src/features/networks/spec': [
    'platform/errors.ts',
    'platform/settings.ts',
    'placements/placed-network.ts',
    'contracts',
    'log',
    'netaddr',
  ],
  'apps/server/src/features/placements': ['addresses', 'limits'],
  'apps/server/src/features/recovery': ['addresses'],
  'apps/server/src/features/search': [],
  'apps/server/src/features/tokens': [],
  'apps/server/src/features/webhooks': [],

  'apps/agent/src': ['client', 'contracts', 'log'],
  'apps/agent/src/<room>': ['batching', 'client', 'contracts', 'log', 'netaddr'],
  'apps/agent/src/lib': [],
  'apps/agent/src/host': ['lib'],
  'apps/agent/src/machine': ['lib', 'host'],
  'apps/agent/src/observation': ['lib', 'host'],
  'apps/agent/src/wire': ['lib', 'host', 'observation'],
  'apps/agent/src/plan': ['lib', 'host', 'observation', 'wire'],
  'apps/agent/src/reconcile': ['lib', 'host', 'observation', 'wire', 'plan'],
  'apps/agent/src/ipam': ['lib', 'host', 'machine', 'observation', 'wire', 'plan'],
  'apps/agent/src/ipam/leases': ['lib', 'machine'],
  'apps/agent/src/ipam/bindings': ['lib', 'host', 'observation', 'wire', 'ipam/leases'],
  'apps/agent/src/ipam/allocation': ['lib', 'observation', 'wire', 'ipam/leases', 'ipam/bindings'],
  'apps/agent/src/ipam/driver': ['lib', 'host', 'observation', 'ipam/leases', 'ipam/allocation'],
  'apps/agent/src/confirm': ['lib', 'observation', 'plan'],
  'apps/agent/src/checks': ['lib', 'host', 'observation', 'wire', 'plan'],
  'apps/agent/src/diagnosis': ['lib', 'host', 'observation', 'wire', 'plan', 'checks'],
  'apps/agent/src/names': ['lib', 'host', 'observation', 'plan'],
  'apps/agent/src/dns': ['lib', 'plan', 'names'],
  'apps/agent/src/sync': ['lib', 'machine'],
  'apps/agent/src/commands': ['lib', 'host', 'machine', 'sync'],

  'apps/cli/src': ['client', 'contracts'],
  'apps/cli/src/format': [],
  'apps/cli/src/lib': ['format', 'client'],
  'apps/cli/src/contexts': ['lib', 'client'],
  'apps/cli/src/kinds': ['lib', 'format', 'client', 'contracts', 'netaddr'],
  'apps/cli/src/documents': ['lib', 'format', 'kinds', 'client', 'contracts', 'netaddr'],
  'apps/cli/src/completion': ['lib', 'kinds', 'client', 'contracts'],
  'apps/cli/src/program': ['lib', 'kinds', 'format', 'contexts', 'completion', 'commands', 'contracts'],
  'apps/cli/src/commands': [
    'lib',
    'format',
    'contexts',
    'kinds',
    'documents',
    'completion',
    'client',
    'contracts',
  ],

  scripts: [],
};

/** Which row of the table a folder belongs to: the nearest at it or above it, or the folder itself where it has none. */
export function placeOf(folder: string): string {
  for (let place = folder; place !== '.'; place = dirname(place))
    // The row of a program's own folder holds its wiring, not the rooms that somebody forgot.
    if (place in importTable && (place === folder || place !== programOf(folder))) return place;
  return folder;
}

/** What a place may import, in the words of the table: its own row, and the row of its kind. */
export function allowedIn(place: string): readonly string[] {
  const kinds = [
    [/^apps\/agent\/src\/./, 'apps/agent/src/<room>'],
    [/^apps\/server\/src\/features\/[^/]+$/, 'apps/server/src/features/<feature>'],
  ] as const;
  const kind = kinds.find(([pattern]) => pattern.test(place))?.[1] ?? '';
  return [...(importTable[place] ?? []), ...(importTable[kind] ?? [])];
}

/** The folder or file that a word of the table means in a place, from the root of the repository. */
export function meantBy(word: string, place: string): string {
  const [first = word] = word.split('/');
  const program = programOf(place) ?? '';
  const base = ['packages', program, `${program}/features`].find(
    (folder) => `${folder}/${first}` in importTable,
  );
  return base === undefined ? word : join(base, word);
}

/**
 * The overrides of oxlint that hold the table, two for each folder of sources below the root: production code, and tests
 * with what is made for them (fixtures, fakes, contract suites), which may import any room of their program.
 *
 * A place without a row may import nothing but what its kind may.
 */
export function importOverrides(root: string): OxlintOverride[] {
  const forTests = '*.{test,fixture,contract,fake}.ts';
  return sourceFolders(root).flatMap((folder) => [
    {
      files: [`${folder}/*.ts`],
      excludeFiles: [`${folder}/${forTests}`],
      rules: { 'no-restricted-imports': ['error', { patterns: inProduction(folder) }] },
    },
    {
      files: [`${folder}/${forTests}`],
      rules: { 'no-restricted-imports': ['error', { patterns: inTests(folder) }] },
    },
  ]);
}

/**
 * One pattern of no-restricted-imports. A group is read as .gitignore is: the last that matches decides. What a group lets
 * through, oxlint asks no later pattern about: it comes last.
 */
interface Pattern {
  readonly group?: string[];
  readonly regex?: string;
  readonly message: string;
}

const detour: Pattern = {
  regex: String.raw`^\./\.|[^./]/\.\.?/|^/|^file:`,
  message: 'write the shortest path: the direction is read from it',
};

function inProduction(folder: string): Pattern[] {
  const features = 'apps/server/src/features';
  const place = placeOf(folder);
  const ofTests: Pattern = {
    regex: String.raw`\.(test|fixture|contract|fake)\.ts$`,
    message: 'what is made for tests is for tests',
  };
  const ofOtherFeatures: Pattern = {
    regex: String.raw`^${relative(folder, features)}/[^.].*\.(store|routes)\.ts$`,
    message: 'a feature never imports the store or the routes of another one',
  };
  return [
    ofTests,
    detour,
    ...(folder.startsWith(`${features}/`) ? [ofOtherFeatures] : []),
    onlyAllowed(folder, place, allowedIn(place)),
  ];
}

function inTests(folder: string): Pattern[] {
  const program = programOf(folder);
  if (program === undefined)
    return [detour, onlyAllowed(folder, placeOf(folder), allowedIn(placeOf(folder)))];
  const packages = Object.keys(importTable)
    .filter((place) => programOf(place) === program)
    .flatMap(allowedIn)
    .filter((word) => `packages/${word}` in importTable);
  const allowed = onlyAllowed(folder, program, [...packages, 'test']);
  return [
    detour,
    { ...allowed, group: [...(allowed.group ?? []), `!${relative(folder, 'packages')}/*/src/*.fixture.ts`] },
  ];
}

/** Of ours, nothing but the place itself, what is below the folder, and what the words mean. */
function onlyAllowed(folder: string, place: string, words: readonly string[]): Pattern {
  const outside = `${join('..', relative(folder, place))}/**`;
  const allowed = words.flatMap((word) => {
    const meant = meantBy(word, place);
    if (meant === 'test' || meant.startsWith('packages/'))
      return [`@trunkline/${word}`, `@trunkline/${word}/**`];
    return [`${relative(folder, meant)}${meant.endsWith('.ts') ? '' : '/**'}`];
  });
  const manifest = folder === programOf(folder) ? ['../package.json'] : [];
  return {
    group: [outside, '@trunkline/**', ...[...allowed, ...manifest].map((pattern) => `!${pattern}`)],
    message: `${place} imports ${words.length === 0 ? 'nothing of ours' : words.join(', ')} (docs/architecture.md)`,
  };
}

/** The sources of the program that a folder belongs to; undefined in a package. */
function programOf(folder: string): string | undefined {
  return /^apps\/[^/]+\/src(?=\/|$)/.exec(folder)?.[0];
}

function sourceFolders(root: string): string[] {
  const sources = ['apps', 'packages']
    .flatMap((group) => foldersIn(root, group))
    .map((folder) => `${folder}/src`);
  return [...sources, 'scripts'].flatMap((folder) => [folder, ...foldersBelow(root, folder)]);
}

function foldersBelow(root: string, folder: string): string[] {
  return foldersIn(root, folder).flatMap((inner) => [inner, ...foldersBelow(root, inner)]);
}

function foldersIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${folder}/${name}`);
}
