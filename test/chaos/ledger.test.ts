import { expect, test } from 'vitest';
import { createLedger } from './ledger.ts';

const at = { host: 'docker01', container: 'c1' };
const run = {
  do: 'run',
  ip: null,
  restart: 'always',
  mac: null,
  starts: true,
  network: 'first',
  ...at,
} as const;

test('a container is awaited from a start that went well until somebody stops it', () => {
  const ledger = createLedger();
  ledger.begin(run)('refused');
  expect(ledger.isAwaited('c1')).toBe(false);
  ledger.begin({ do: 'start', ...at })('ok');
  ledger.begin({ do: 'crash', ...at })('ok');
  ledger.begin({ do: 'disconnect', ...at })('ok');
  expect(ledger.isAwaited('c1')).toBe(true);
  // Whatever came of it: it may have been stopped.
  ledger.begin({ do: 'stop', ...at })('moot');
  expect(ledger.isAwaited('c1')).toBe(false);
  ledger.begin({ do: 'start', ...at })('ok');
  ledger.begin({ do: 'restart', ...at })('refused');
  expect(ledger.isAwaited('c1')).toBe(false);
});

test('a container asks for the address that it was given by name, until it is connected without one', () => {
  const ledger = createLedger();
  ledger.begin(run)('ok');
  expect(ledger.pinOf('c1')).toBeNull();
  ledger.begin({ do: 'connect', ip: '10.213.0.9', ...at })('ok');
  expect(ledger.pinOf('c1')).toBe('10.213.0.9');
  ledger.begin({ do: 'connect', ip: null, ...at })('ok');
  expect(ledger.pinOf('c1')).toBeNull();
});

test.each([{ mac: '02:00:00:00:00:01' }, { starts: false }, { network: 'second' }] as const)(
  'a container with %o may be refused, and nobody waits for it',
  (change) => {
    const ledger = createLedger();
    ledger.begin({ ...run, ...change })('ok');
    expect(ledger.isParticular('c1')).toBe(true);
    expect(ledger.isAwaited('c1')).toBe(false);
    ledger.begin({ ...run, container: 'c2' })('ok');
    expect(ledger.isParticular('c2')).toBe(false);
  },
);

test('a removal that did not go well is remembered until it does', () => {
  const ledger = createLedger();
  ledger.begin({ do: 'rm', ...at })('moot');
  expect(ledger.unremoved()).toEqual([at]);
  ledger.begin({ do: 'rm', ...at })('ok');
  expect(ledger.unremoved()).toEqual([]);
});

test.each([
  ['always', true],
  ['unless-stopped', false],
] as const)('after its dockerd was killed, a container with %s is awaited: %s', (restart, awaited) => {
  const ledger = createLedger();
  ledger.begin({ ...run, restart })('ok');
  ledger.begin({ do: 'kill dockerd', host: 'docker02' })('ok');
  expect(ledger.isAwaited('c1')).toBe(true);
  ledger.begin({ do: 'kill dockerd', host: 'docker01' })('ok');
  expect(ledger.isAwaited('c1')).toBe(awaited);
  const restarted = ledger.begin({ do: 'restart', ...at });
  ledger.begin({ do: 'kill dockerd', host: 'docker01' })('ok');
  // Docker answered, and was killed before that was heard.
  restarted('ok');
  expect(ledger.isAwaited('c1')).toBe(awaited);
  ledger.begin({ do: 'start', ...at })('ok');
  expect(ledger.isAwaited('c1')).toBe(true);
});

test('the server knows a container that was started while it was reached, until Docker starts containers by itself', () => {
  const ledger = createLedger();
  ledger.noteServer(run, true);
  expect(ledger.isKnownToServer('c1')).toBe(true);
  ledger.begin({ do: 'kill dockerd', host: 'docker02' });
  expect(ledger.isKnownToServer('c1')).toBe(true);
  ledger.begin({ do: 'restart dockerd', host: 'docker01' });
  expect(ledger.isKnownToServer('c1')).toBe(false);
  ledger.noteServer(run, true);
  ledger.noteServer({ do: 'start', ...at }, false);
  expect(ledger.isKnownToServer('c1')).toBe(false);
});
