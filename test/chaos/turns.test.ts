import { expect, test } from 'vitest';
import { createTurns, inPlannedOrder, thingsOf } from './turns.ts';

test('work that shares a thing runs in the order of the calls, other work beside it', async () => {
  const inTurn = createTurns();
  const order: string[] = [];
  const first = Promise.withResolvers<undefined>();
  const works = [
    inTurn(['server'], async () => {
      order.push('first begins');
      await first.promise;
      order.push('first ends');
    }),
    inTurn(['agent', 'server'], async () => order.push('second')),
    inTurn(['agent'], async () => order.push('third')),
    inTurn(['dockerd'], async () => {
      order.push('beside');
      first.resolve(undefined);
    }),
  ];
  await Promise.all(works);
  expect(order).toEqual(['first begins', 'beside', 'first ends', 'second', 'third']);
});

test('work that fails does not hold up what comes after it', async () => {
  const inTurn = createTurns();
  const fails = inTurn(['server'], async () => await Promise.reject(new Error('no')));
  const next = inTurn(['server'], async () => await Promise.resolve('done'));
  await expect(fails).rejects.toThrow('no');
  await expect(next).resolves.toBe('done');
});

test('a copy of the data, a restart and a killed database each have the server to themselves', () => {
  for (const what of ['back up', 'restore backup', 'kill server', 'start server', 'kill database'] as const)
    expect(thingsOf({ do: what })).toEqual(['server']);
  expect(thingsOf({ do: 'clone state', host: 'docker01', from: 'docker02' })).toEqual([
    'agent of docker01',
    'agent of docker02',
  ]);
});

test('what shares a thing begins in the order of the plan, whatever was drawn; all else as drawn', () => {
  const step = [
    { operation: { do: 'clone state', host: 'docker01', from: 'docker02' }, afterMs: 900 },
    { operation: { do: 'kill server' }, afterMs: 50 },
    { operation: { do: 'own state', host: 'docker01' }, afterMs: 100 },
    { operation: { do: 'cut', host: 'docker01' }, afterMs: 10 },
    { operation: { do: 'restart agent', host: 'docker02' }, afterMs: 1000 },
  ] as const;
  expect(inPlannedOrder(step).map(({ afterMs }) => afterMs)).toEqual([900, 50, 900, 10, 1000]);
});
