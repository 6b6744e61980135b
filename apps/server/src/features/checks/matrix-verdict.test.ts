import type { MatrixTaskResult, TcpTry } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import type { MatrixPlan, MatrixTry } from './matrix-plan.ts';
import { matrixResult } from './matrix-verdict.ts';

type Answer = MatrixTaskResult['tries'][number];
type Resolved = MatrixTaskResult['resolved'][number];

const answered: Answer = {
  address: '10.0.0.2',
  sent: 3,
  received: 3,
  lossPercent: 0,
  rttMs: { min: 0.1, avg: 0.2, max: 0.3 },
  mac: '02:00:00:00:00:02',
  error: null,
  tcp: null,
  tried: true,
};
const silent: Answer = { ...answered, received: 0, lossPercent: 100, rttMs: null, mac: null };
const tcp = (outcome: TcpTry['outcome'], error: string | null = null): TcpTry => ({
  outcome,
  ms: outcome === 'no-answer' ? null : 0.4,
  error,
});
const found: Resolved = { addresses: ['10.0.0.2'], error: null, tried: true };

function judge(answer: Answer, change: Partial<MatrixTry> = {}, name?: Resolved) {
  const plan: MatrixPlan = {
    network: null,
    pairs: [],
    port: change.port ?? null,
    names: name !== undefined,
    count: 3,
    timeoutSeconds: 30,
    hosts: [{ id: 'a', name: 'docker01', left: null }],
    targets: [{ container: 'box2', host: 'docker02', gateway: null, addresses: ['10.0.0.2', 'fd00::2'] }],
    tries: [
      { host: 0, container: 'box1', target: 0, address: '10.0.0.2', port: null, limit: null, ...change },
    ],
    sample: null,
  };
  const part = { tries: [answer], resolved: name === undefined ? [] : [name] };
  const result = matrixResult(plan, new Map([['a', part]]));
  return { ...result, ...result.directions[0]!, summary: result.message };
}

test.each<[string, Answer, Partial<MatrixTry>, Resolved | undefined, string, string]>([
  ['all is answered', answered, {}, undefined, 'ok', 'box1 reaches box2 at 10.0.0.2: 3 of 3, 0.2 ms'],
  ['the name leads there', answered, {}, found, 'ok', 'box1 reaches box2'],
  [
    'the name leads to all of its addresses',
    answered,
    {},
    { addresses: ['10.0.0.2', 'fd00::2'], error: null, tried: true },
    'ok',
    'box1 reaches box2',
  ],
  ['nothing comes back', silent, {}, undefined, 'no-answer', 'does not answer ping'],
  [
    'there is no route',
    { ...silent, sent: 0, error: 'connect: Network is unreachable' },
    {},
    undefined,
    'no-answer',
    'Network is unreachable',
  ],
  [
    'only ARP is answered',
    { ...silent, mac: '02:00:00:00:00:02' },
    {},
    undefined,
    'no-answer',
    '02:00:00:00:00:02, answers ARP',
  ],
  ['some are lost', { ...answered, received: 2, lossPercent: 33.3 }, {}, undefined, 'packets-lost', '2 of 3'],
  [
    'the port is open',
    { ...answered, tcp: tcp('open') },
    { port: 80 },
    undefined,
    'ok',
    'TCP port 80 is open',
  ],
  [
    'the port is open and ping is dropped',
    { ...silent, tcp: tcp('open') },
    { port: 80 },
    undefined,
    'ok',
    'it does not answer ping, TCP port 80 is open',
  ],
  [
    'the port is refused',
    { ...answered, tcp: tcp('refused') },
    { port: 80 },
    undefined,
    'port-refused',
    '80 is refused',
  ],
  [
    'the port is filtered',
    { ...answered, tcp: tcp('no-answer') },
    { port: 80 },
    undefined,
    'port-silent',
    'look for a firewall',
  ],
  [
    'neither ping nor port is answered',
    { ...silent, tcp: tcp('no-answer', 'no route to the host') },
    { port: 80 },
    undefined,
    'no-answer',
    'nor TCP on port 80 (no route to the host)',
  ],
  [
    'the name is not known',
    answered,
    {},
    { addresses: [], error: 'NXDOMAIN', tried: true },
    'name-unknown',
    'box2 does not resolve there (NXDOMAIN)',
  ],
  [
    'the name leads elsewhere too',
    answered,
    {},
    { addresses: ['10.0.0.2', '10.0.0.9'], error: null, tried: true },
    'name-elsewhere',
    'box2 leads to 10.0.0.2, 10.0.0.9',
  ],
  ['it cannot answer', silent, { limit: 'macvlan' }, undefined, 'known-limit', 'which is no fault: macvlan'],
  ['it cannot answer, and does', answered, { limit: 'macvlan' }, undefined, 'ok', 'box1 reaches box2'],
  [
    'it was not tried',
    { ...silent, sent: 0, tried: false, error: 'container box1 is exited: start it first' },
    {},
    undefined,
    'not-tried',
    'box1 did not try box2 at 10.0.0.2: container box1 is exited',
  ],
  [
    'the name was not looked up',
    answered,
    {},
    { addresses: [], error: 'the time was up', tried: false },
    'not-tried',
    'box1 reaches box2 at 10.0.0.2, and did not look up its name: the time was up',
  ],
  ['the port was not tried', answered, { port: 80 }, undefined, 'not-tried', 'box1 did not try box2'],
  ['it has no address', answered, { address: null }, undefined, 'no-address', 'box2 has no address'],
  [
    'the host answers to something else',
    { ...answered, address: '10.0.0.3' },
    {},
    undefined,
    'not-tried',
    'docker01 did not try',
  ],
])('%s', (_, answer, change, name, verdict, message) => {
  const judged = judge(answer, change, name);
  expect(judged.verdict).toBe(verdict);
  expect(judged.directions[0]?.message).toContain(message);
  expect(judged.ok).toBe(verdict === 'ok' || verdict === 'known-limit');
});

test('a direction that cannot work is counted apart, and the first fault is the message', () => {
  const two: MatrixPlan['tries'][number] = {
    host: 0,
    container: 'box1',
    target: 0,
    address: '10.0.0.2',
    port: null,
    limit: null,
  };
  const plan: MatrixPlan = {
    network: 'lan',
    pairs: null,
    port: null,
    names: false,
    count: 3,
    timeoutSeconds: 30,
    hosts: [
      { id: 'a', name: 'docker01', left: null },
      { id: 'b', name: 'docker02', left: 'it has not been heard since noon' },
      { id: 'c', name: 'docker03', left: null },
    ],
    targets: [{ container: 'box2', host: 'docker02', gateway: null, addresses: ['10.0.0.2'] }],
    tries: [two, { ...two, limit: 'macvlan' }, { ...two, host: 1 }, { ...two, host: 2 }],
    sample: 'a sample: each of 4 containers tried 1 of the others',
  };
  const result = matrixResult(
    plan,
    new Map([
      ['a', { tries: [answered, silent], resolved: [] }],
      ['c', { failed: 'it did not answer in time' }],
    ]),
  );
  expect(result.directions.map(({ verdict }) => verdict)).toEqual([
    'ok',
    'known-limit',
    'not-tried',
    'not-tried',
  ]);
  expect(result).toMatchObject({ ok: false, sampled: true });
  expect(result.message).toBe(
    '1 of 4 directions on lan work; 1 cannot, which is no fault; box1 to box2 at 10.0.0.2: docker02 did not try: it has not been heard since noon; a sample: each of 4 containers tried 1 of the others',
  );
  expect(result.directions[3]?.message).toContain('docker03 did not try: it did not answer in time');
});

test('a network with nobody on it is not ok', () => {
  const plan = { ...emptyPlan(), network: 'lan' };
  expect(matrixResult(plan, new Map())).toMatchObject({
    ok: false,
    directions: [],
    message: 'nothing was tried: lan has fewer than two running containers',
  });
});

const emptyPlan = (): MatrixPlan => ({
  network: null,
  pairs: null,
  port: null,
  names: false,
  count: 3,
  timeoutSeconds: 30,
  hosts: [],
  targets: [],
  tries: [],
  sample: null,
});
