import { expect, test } from 'vitest';
import { createLedger } from './ledger.ts';

const at = { host: 'docker01', container: 'c1' };
const run = { do: 'run', ip: null, restart: 'always', ...at } as const;

test('a container is awaited from a start that went well until somebody stops it', () => {
  const ledger = createLedger();
  ledger.note(run, 'refused');
  expect(ledger.isAwaited('c1')).toBe(false);
  ledger.note({ do: 'start', ...at }, 'ok');
  ledger.note({ do: 'crash', ...at }, 'ok');
  ledger.note({ do: 'disconnect', ...at }, 'ok');
  expect(ledger.isAwaited('c1')).toBe(true);
  // Whatever came of it: it may have been stopped.
  ledger.note({ do: 'stop', ...at }, 'moot');
  expect(ledger.isAwaited('c1')).toBe(false);
  ledger.note({ do: 'start', ...at }, 'ok');
  ledger.note({ do: 'restart', ...at }, 'refused');
  expect(ledger.isAwaited('c1')).toBe(false);
});

test('a container asks for the address that it was given by name, until it is connected without one', () => {
  const ledger = createLedger();
  ledger.note(run, 'ok');
  expect(ledger.pinOf('c1')).toBeNull();
  ledger.note({ do: 'connect', ip: '10.213.0.9', ...at }, 'ok');
  expect(ledger.pinOf('c1')).toBe('10.213.0.9');
  ledger.note({ do: 'connect', ip: null, ...at }, 'ok');
  expect(ledger.pinOf('c1')).toBeNull();
});

test('a removal that did not go well is remembered until it does', () => {
  const ledger = createLedger();
  ledger.note({ do: 'rm', ...at }, 'moot');
  expect(ledger.unremoved()).toEqual([at]);
  ledger.note({ do: 'rm', ...at }, 'ok');
  expect(ledger.unremoved()).toEqual([]);
});
