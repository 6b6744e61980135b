import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path/posix';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowedIn, importOverrides, importTable, meantBy, placeOf } from '../../scripts/imports.ts';
import { tableRows } from './table-rows.ts';

const root = join(import.meta.dirname, '../..');

/** How the document says that a place imports nothing more of its kind. */
const nothing = ['nothing of ours', 'no other room', 'no other feature'];

test('the map says of each place what lint lets it import', async () => {
  const mapped = tableRows(await readFile(join(root, 'docs/architecture.md'), 'utf8')).flatMap((cells) => {
    const [, place] = /^`((?:apps|packages|scripts)\b[^`]*)`$/.exec(cells[0] ?? '') ?? [];
    const imports = cells.at(-1) ?? '';
    return place === undefined
      ? []
      : [[place, nothing.includes(imports) ? [] : imports.split(', ')] as const];
  });
  expect(Object.fromEntries(mapped)).toEqual(importTable);
});

test.each(['packages', 'apps/agent/src', 'apps/server/src/features'])(
  'every folder of %s has a row',
  async (parent) => {
    const entries = await readdir(join(root, parent), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${parent}/${name}`);
    expect(folders.length).toBeGreaterThan(5);
    expect(Object.keys(importTable)).toEqual(expect.arrayContaining(folders));
  },
);

/** A folder of sources for each row, one below each, and two rooms that have no row. */
const folders = [
  ...Object.keys(importTable)
    .filter((place) => !place.includes('<'))
    .map((place) => (place.startsWith('packages/') ? `${place}/src` : place))
    .flatMap((folder) => [folder, `${folder}/below`]),
  'apps/agent/src/names',
  'apps/server/src/features',
  'apps/server/src/features/names',
].filter((folder) => !/^apps\/[^/]+\/src\/below$/.test(folder));

/** What each of them tries to import: each of the others, each package, and the tests' package. */
const targets = [
  ...folders.map((folder) => `${folder}/some.ts`),
  'prisma/generated/client.ts',
  'apps/server/src/platform/errors.ts',
  'apps/server/src/features/placements/placed-network.ts',
  'test/integration/some.ts',
];
const packages = [...new Set(targets.flatMap((target) => /^packages\/([^/]+)/.exec(target)?.[1] ?? []))];

interface Attempt {
  readonly from: string;
  /** What is imported, from the root. */
  readonly to: string;
  readonly specifier: string;
}

const attempts = folders.flatMap((folder): Attempt[] => [
  ...targets.map((to) => attempt(`${folder}/some.ts`, to)),
  ...[...packages, 'test', 'server', 'agent'].map((name) => ({
    from: `${folder}/some.ts`,
    to: `packages/${name}`,
    specifier: `@trunkline/${name}`,
  })),
]);

/** Directions that lint once let through, and two of each kind that it must let through. */
const others: readonly (readonly [from: string, to: string, refused: boolean])[] = [
  ['apps/agent/src/names/other.ts', 'apps/agent/src/reconcile/queue.ts', true],
  ['apps/agent/src/plan/below/other.ts', 'apps/agent/src/reconcile/queue.ts', true],
  ['apps/agent/src/plan/below/other.ts', 'apps/agent/src/host/links.ts', false],
  ['apps/agent/src/ipam/other.ts', 'apps/agent/src/ipam/leases/lease-store.ts', false],
  ['apps/server/src/platform/other.ts', 'apps/server/src/app.ts', true],
  ['apps/server/src/platform/other.ts', 'apps/server/src/main.ts', true],
  ['apps/server/src/features/tokens/other.ts', 'apps/server/src/server.ts', true],
  ['apps/server/src/features/tokens/other.ts', 'apps/server/src/config.ts', true],
  ['apps/server/src/features/networks/spec/other.ts', 'apps/server/src/platform/changes.ts', true],
  [
    'apps/server/src/features/networks/below/other.ts',
    'apps/server/src/features/addresses/addresses.store.ts',
    true,
  ],
  [
    'apps/server/src/features/networks/below/other.ts',
    'apps/server/src/features/networks/networks.store.ts',
    false,
  ],
  [
    'apps/server/src/features/leases/other.ts',
    'apps/server/src/features/addresses/addresses.routes.ts',
    true,
  ],
  [
    'apps/server/src/features/leases/other.ts',
    'apps/server/src/features/addresses/addresses.service.ts',
    false,
  ],
  ['apps/agent/src/plan/other.ts', 'apps/agent/src/reconcile/subjects.fixture.ts', true],
  ['apps/agent/src/plan/other.ts', 'apps/agent/src/host/links.fake.ts', true],
  ['apps/agent/src/plan/other.test.ts', 'apps/agent/src/reconcile/subjects.fixture.ts', false],
  ['apps/agent/src/plan/other.test.ts', 'apps/server/src/config.ts', true],
  ['packages/netaddr/src/other.test.ts', 'packages/log/src/index.ts', true],
  ['packages/lab/src/other.ts', 'apps/agent/src/main.ts', true],
  ['apps/agent/src/other.ts', 'apps/agent/package.json', false],
];

let refused: ReadonlySet<string>;
let copy: string;

// One run of lint over a tree of made-up files, with the overrides that the project's own config has.
beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'trunkline-imports-'));
  const files = Map.groupBy(
    [...attempts, ...others.map(([from, to]) => attempt(from, to))],
    ({ from }) => from,
  );
  for (const [file, imports] of files) {
    await mkdir(join(copy, dirname(file)), { recursive: true });
    await writeFile(join(copy, file), imports.map(({ specifier }) => `import '${specifier}';\n`).join(''));
  }
  const config = { overrides: importOverrides(copy), rules: {}, categories: { correctness: 'off' } };
  await writeFile(join(copy, '.oxlintrc.json'), JSON.stringify(config));
  const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');
  const run = promisify(execFile)(process.execPath, [oxlint, '--format', 'json'], {
    cwd: copy,
    maxBuffer: 64 * 1024 * 1024,
  });
  // It ends with 1, since it finds something.
  const { stdout } = await run.catch((error: unknown) => error as { stdout: string });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { filename: string; labels: { span: { line: number } }[] }[];
  };
  refused = new Set(
    diagnostics.map(({ filename, labels }) => {
      const { specifier } = files.get(filename)?.[(labels[0]?.span.line ?? 0) - 1] ?? { specifier: '' };
      return `${filename} imports ${specifier}`;
    }),
  );
});

afterAll(async () => {
  await rm(copy, { recursive: true, force: true });
});

test('lint refuses every direction that the table does not name, in folders below too, and no other', () => {
  const wrong = attempts.filter((one) => refused.has(said(one)) === mayImport(one));
  expect(attempts.length).toBeGreaterThan(1000);
  expect(wrong.map(said)).toEqual([]);
});

test.each(others)('%s imports %s: refused %s', (from, to, expected) => {
  expect(refused.has(said(attempt(from, to)))).toBe(expected);
});

function attempt(from: string, to: string): Attempt {
  const path = relative(dirname(from), to);
  return { from, to, specifier: path.startsWith('.') ? path : `./${path}` };
}

function said({ from, specifier }: Attempt): string {
  return `${from} imports ${specifier}`;
}

/** The table, read once more without patterns. */
function mayImport({ from, to, specifier }: Attempt): boolean {
  const place = placeOf(dirname(from));
  if (specifier.startsWith('./')) return true;
  if (specifier.startsWith('@')) return allowedIn(place).some((word) => meantBy(word, place) === to);
  const target = placeOf(dirname(to));
  if (`${target}/`.startsWith(`${place}/`)) return true;
  return allowedIn(place)
    .map((word) => meantBy(word, place))
    .filter((meant) => !meant.startsWith('packages/'))
    .some((meant) => meant === to || `${dirname(to)}/`.startsWith(`${meant}/`));
}
