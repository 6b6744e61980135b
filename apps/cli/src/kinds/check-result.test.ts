import type { Check } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { unpainted } from '../format/paint.ts';
import { checkLines } from './check-result.ts';
import { isInOrder } from './checks.ts';

const of = (result: unknown) => ({ result }) as Pick<Check, 'result'>;
const lines = (result: unknown, isWide = false) => checkLines(of(result), unpainted, isWide);

const direction = (verdict: string) => ({
  from: { host: 'docker01', container: 'box1' },
  to: { host: 'docker02', container: 'box2', gateway: null, address: '10.0.0.2' },
  verdict,
  message: `${verdict} it is`,
});

test('of a matrix, what does not work; all of it when wide', () => {
  const matrix = {
    ok: false,
    directions: [direction('ok'), direction('no-answer')],
    sampled: true,
    message: '1 of 2',
  };
  expect(lines(matrix)).toEqual([
    '1 of 2',
    'not every pair was tried',
    'FROM  TO    ADDRESS   VERDICT    MESSAGE',
    'box1  box2  10.0.0.2  no-answer  no-answer it is',
  ]);
  expect(lines(matrix, true)).toHaveLength(5);
  expect(isInOrder(of(matrix))).toBe(false);
});

test('of a wire, the verdicts with what to do', () => {
  const verdict = {
    code: 'no-path',
    hosts: ['docker01', 'docker02'],
    message: 'they hear nothing',
    remedy: 'plug it in',
  };
  const wire = {
    ok: false,
    pairs: [],
    gateways: [],
    sampled: false,
    verdicts: [verdict],
    message: 'nothing passes',
  };
  expect(lines(wire)).toEqual([
    'nothing passes',
    'error  no-path  docker01  docker02',
    '  they hear nothing',
    '  do: plug it in',
  ]);
});

test('of a diagnosis, the findings with their evidence; where it looked when wide', () => {
  const finding = {
    code: 'packets-dropped',
    severity: 'warning',
    host: null,
    subject: 'chain x',
    message: 'dropped\u001b[2J',
    evidence: ['3 packets'],
    remedy: '',
  };
  const looked = [{ host: 'docker01', area: 'firewall', outcome: 'clear', detail: '2 rules' }];
  const diagnosis = { diagnosis: true, ok: true, findings: [finding], looked, message: 'one thing' };
  expect(lines(diagnosis)).toEqual([
    'one thing',
    'warning  packets-dropped  chain x',
    String.raw`  dropped\x1b[2J`,
    '  3 packets',
  ]);
  expect(lines(diagnosis, true).slice(-1)).toEqual(['docker01  firewall  clear    2 rules']);
  expect(isInOrder(of(diagnosis))).toBe(true);
});

test('of addresses, the findings, and who was not heard', () => {
  const addresses = {
    findings: [],
    truncated: false,
    silentHosts: [{ host: 'docker02', observedAt: null }],
    message: 'they match',
  };
  expect(lines(addresses)).toEqual(['they match', 'docker02 is silent: what it last saw may be old']);
  expect(isInOrder(of(addresses))).toBe(true);
  expect([isInOrder(of(null)), lines(null)]).toEqual([undefined, []]);
});
