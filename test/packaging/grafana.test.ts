/** The Grafana board shows metrics that the server has, and is sound as a board. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { faultsOf, metricsOfServer, read, seriesOfServer } from './promql.ts';

interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}
interface Target {
  refId: string;
  datasource: { type: string; uid: string };
  expr: string;
  legendFormat: string;
}
interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { type: string; uid: string };
  gridPos: Place;
  targets?: Target[];
}
interface Variable {
  name: string;
  type: string;
  definition?: string;
  query: string | { query: string };
}
interface Board {
  id: number | null;
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Variable[] };
}

const file = path.resolve(import.meta.dirname, '../../packaging/grafana/trunkline.json');
const text = readFileSync(file, 'utf8');
const board = JSON.parse(text) as Board;
const shown = board.panels.filter(({ type }) => type !== 'row');
const rows = board.panels.filter(({ type }) => type === 'row');
const targets = shown.flatMap(({ title, targets: own = [] }) => own.map((target) => ({ title, ...target })));
const variables = board.templating.list.map(({ name }) => name);

const existing = seriesOfServer();
/** Labels that Prometheus gives to whatever it scrapes. */
const ofTargets = ['job', 'instance'];

const overlap = (a: Place, b: Place): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** Pairs of panels that cover each other, and panels that leave the 24 columns. Pure. */
function misplaced(panels: readonly Pick<Panel, 'title' | 'gridPos'>[]): string[] {
  return panels.flatMap(({ title, gridPos }, i) => [
    ...(gridPos.x < 0 || gridPos.w < 1 || gridPos.h < 1 || gridPos.x + gridPos.w > 24
      ? [`${title} is not within the 24 columns`]
      : []),
    ...panels
      .slice(i + 1)
      .filter((other) => overlap(gridPos, other.gridPos))
      .map((other) => `${title} and ${other.title} overlap`),
  ]);
}

const at = (title: string, x: number, y: number, w: number, h: number) => ({
  title,
  gridPos: { x, y, w, h },
});

test('it is a board of Grafana 10 or later, and imported as a new one', () => {
  expect(board.schemaVersion).toBeGreaterThanOrEqual(38);
  expect(board.id).toBeNull();
  expect(board.uid).toBe('trunkline');
  expect(shown.length).toBeGreaterThan(10);
  expect(rows.length).toBeGreaterThan(2);
});

test('every panel has an id and a title of its own, a place of its own, and something to show', () => {
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  expect(new Set(board.panels.map(({ title }) => title)).size).toBe(board.panels.length);
  expect(misplaced(board.panels)).toEqual([]);
  for (const { title, targets: own = [] } of shown) {
    expect(title).not.toBe('');
    expect(own.length).toBeGreaterThan(0);
    expect(new Set(own.map(({ refId }) => refId)).size).toBe(own.length);
  }
});

test('panels that overlap or leave the board are found', () => {
  expect(misplaced([at('a', 0, 0, 12, 8), at('b', 12, 0, 12, 8), at('c', 0, 8, 24, 1)])).toEqual([]);
  expect(misplaced([at('a', 0, 0, 12, 8), at('b', 11, 7, 12, 8)])).toEqual(['a and b overlap']);
  expect(misplaced([at('a', 13, 0, 12, 8)])).toEqual(['a is not within the 24 columns']);
});

test('whoever imports it chooses the data source, and nothing names another one', () => {
  expect(board.templating.list[0]).toMatchObject({
    name: 'datasource',
    type: 'datasource',
    query: 'prometheus',
  });
  const chosen = { type: 'prometheus', uid: '${datasource}' };
  for (const { title, datasource } of [...shown, ...targets])
    expect({ title, datasource }).toEqual({ title, datasource: chosen });
});

test('every variable that it uses is one of its own or of Grafana, and each is used', () => {
  const used = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
  const ofGrafana = ['__rate_interval', '__all'];
  expect(used.filter((name) => ![...variables, ...ofGrafana].includes(name))).toEqual([]);
  expect(variables.filter((name) => !used.includes(name))).toEqual([]);
});

test('every variable lists a label that its metric has', () => {
  const lists = board.templating.list.filter(({ type }) => type === 'query');
  expect(lists.length).toBeGreaterThan(0);
  for (const { name, definition = '', query } of lists) {
    expect(query).toMatchObject({ query: definition });
    const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
    expect({ name, faults: faultsOf(`max by (${label}) (${selector})`, existing, ofTargets) }).toEqual({
      name,
      faults: [],
    });
  }
});

test.each(targets)('$title: $expr names metrics and labels that the server has', ({ expr, legendFormat }) => {
  expect(faultsOf(expr, existing, ofTargets)).toEqual([]);
  const { kept, metrics } = read(expr);
  const labels =
    kept.length > 0 || /^(?:sum|max|min|count)\b|histogram_quantile/.test(expr) ? kept : ofTargets;
  const inLegend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  expect(inLegend.filter((label) => !labels.includes(label))).toEqual([]);
  expect(metrics.length).toBeGreaterThan(0);
});

/** What every server shows of the one database: a sum over servers would count it twice. */
const ofFleet = /^trunkline_(?:hosts|agents|host_|network_|subnet_|placement_|limits_|conditions)/;

test('with several servers, what all of them know is shown once', () => {
  const once = /\b(?:max|min)(?: by \([^)]*\))? ?\(trunkline_\w+/g;
  for (const { title, expr } of targets) {
    const bare = expr.replaceAll(/\{[^}]*\}/g, '').replaceAll(once, ' ');
    expect({
      title,
      left: (bare.match(/trunkline_\w+/g) ?? []).filter((name) => ofFleet.test(name)),
    }).toEqual({
      title,
      left: [],
    });
  }
});

test('the board shows every gauge of the fleet', () => {
  const onBoard = new Set(targets.flatMap(({ expr }) => read(expr).metrics));
  const missing = metricsOfServer()
    .map(({ name }) => name)
    .filter((name) => /^trunkline_(?:hosts|agents|host_|network_(?:placements|address|pool))/.test(name))
    .filter((name) => !onBoard.has(name));
  expect(missing).toEqual([]);
});

const run = promisify(execFile);
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

test.skipIf(!promtool)('promtool reads every expression (skipped where it is not installed)', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'trunkline-board-'));
  try {
    const rules = targets.map(({ expr }, i) => ({
      record: `board:expression:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const rulesFile = path.join(folder, 'board.rules.yml');
    await writeFile(rulesFile, JSON.stringify({ groups: [{ name: 'board', rules }] }));
    const { stdout } = await run('promtool', ['check', 'rules', rulesFile]);
    expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`);
  } finally {
    await rm(folder, { recursive: true });
  }
});
