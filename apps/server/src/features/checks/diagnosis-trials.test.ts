/** What a diagnosis has containers try: those that are asked about, over the wire where there is one, and never what cannot work. */
import { expect, test } from 'vitest';
import { planTrials } from './diagnosis-trials.ts';
import type { MatrixMember } from './matrix-plan.ts';

const member = (host: string, name: string): MatrixMember => ({
  hostId: host,
  host,
  name,
  addresses: [`10.0.0.${name.slice(1)}`],
});
const all = [member('h1', 'a1'), member('h1', 'a2'), member('h2', 'b3'), member('h3', 'c4')];
const anybody = (): boolean => true;
const shown = (members: MatrixMember[], isAsked: (one: MatrixMember) => boolean, mode = 'bridge') =>
  planTrials(members, isAsked, mode).pings.map(({ from, to }) => `${from}>${to}`);

test('of a network each tries its neighbour in a ring, in both directions, over the hosts first', () => {
  expect(shown(all, anybody)).toEqual([
    'a1>b3',
    'b3>a1',
    'b3>c4',
    'c4>b3',
    'c4>a2',
    'a2>c4',
    'a2>a1',
    'a1>a2',
  ]);
});

test('two try each other once, and one alone tries nobody and is looked into all the same', () => {
  expect(shown([all[0]!, all[2]!], anybody)).toEqual(['a1>b3', 'b3>a1']);
  const alone = planTrials([all[0]!], anybody, 'bridge');
  expect(alone).toEqual({ pings: [], containers: new Map([['h1', ['a1']]]) });
});

test('of one container up to three others try it, those of other hosts first', () => {
  const many = [...all, member('h4', 'd5'), member('h5', 'e6')];
  expect(shown(many, ({ name }) => name === 'a1')).toEqual([
    'a1>b3',
    'b3>a1',
    'a1>c4',
    'c4>a1',
    'a1>d5',
    'd5>a1',
  ]);
  expect(shown([all[0]!, all[1]!], ({ name }) => name === 'a1')).toEqual(['a1>a2', 'a2>a1']);
});

test.each(['private', 'vepa'])('in mode %s nobody tries another one of its own host', (mode) => {
  expect(shown([all[0]!, all[1]!], anybody, mode)).toEqual([]);
  expect(shown(all, anybody, mode)).not.toContain('a2>a1');
});

test('each address is tried, and the containers that take part are named by host', () => {
  const dual = { ...member('h2', 'b3'), addresses: ['10.0.0.3', 'fd00::3'] };
  const { pings, containers } = planTrials([all[0]!, dual], ({ name }) => name === 'a1', 'bridge');
  expect(pings.filter(({ from }) => from === 'a1').map(({ address }) => address)).toEqual([
    '10.0.0.3',
    'fd00::3',
  ]);
  expect([...containers]).toEqual([
    ['h1', ['a1']],
    ['h2', ['b3']],
  ]);
});
