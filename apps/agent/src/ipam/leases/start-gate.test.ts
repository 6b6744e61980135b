/** What this host holds is confirmed by the server after a start, as far as the server can be had. */
import { expect, test } from 'vitest';
import type { StatePast } from '../../machine/state-past.ts';
import { createManualTime } from '../../lib/manual-time.fake.ts';
import { createStartGate } from './start-gate.ts';

function gateOf(past: StatePast, isEmpty = false) {
  const time = createManualTime();
  let opened = 0;
  let disowned = 0;
  const gate = createStartGate({
    past,
    isEmpty,
    onOpen: () => (opened += 1),
    onDisowned: () => (disowned += 1),
    timing: time,
  });
  /** Whether a container would still wait after so many milliseconds. */
  const waits = async (ms: number): Promise<boolean> => {
    let isOver = false;
    void gate.opened(4000).then(() => (isOver = true));
    await time.advance(ms);
    return !isOver;
  };
  return { gate, waits, opened: () => opened, disowned: () => disowned };
}

test('promise 1: an ordinary start waits until the server confirmed, for two seconds in all', async () => {
  const quick = gateOf('continued');
  const first = quick.waits(100);
  expect(await first).toBe(true);
  quick.gate.comparing()();
  quick.gate.comparing()();
  expect(await quick.waits(0)).toBe(false);
  expect(quick.opened()).toBe(1);

  const silent = gateOf('rebooted');
  expect(await silent.waits(1999)).toBe(true);
  expect(await silent.waits(1)).toBe(false);
  expect(await silent.waits(0)).toBe(false);
  expect(silent.gate.pending()).toBeNull();
});

test('promise 5: a server that is away is not waited for, nor where the disk holds nothing', async () => {
  const { gate, waits } = gateOf('continued');
  gate.notReached('the server cannot be reached');
  expect(await waits(0)).toBe(false);
  expect(gate.pending()).toBeNull();
  expect(await gateOf('continued', true).waits(0)).toBe(false);
});

test('promise 1: nothing is given from a folder that was put back before the server confirmed it', async () => {
  const { gate, waits, opened } = gateOf('restored');
  gate.notReached('the server cannot be reached');
  expect(gate.pending()).toMatch(/restored from a copy.*the server cannot be reached.*--accept-machine/);
  expect(await waits(3999)).toBe(true);
  expect(await waits(4000)).toBe(false);
  expect(gate.pending()).not.toBeNull();
  gate.comparing()();
  expect(gate.pending()).toBeNull();
  expect(opened()).toBe(1);
});

test('promise 1: once the server knows no such host nothing is given before it confirms again, and nobody waits', async () => {
  const { gate, waits, opened, disowned } = gateOf('continued');
  gate.comparing()();
  const asked = gate.comparing();
  gate.disowned('no host docker02 has joined');
  gate.disowned('no host docker02 has joined');
  expect(gate.pending()).toMatch(
    /does not know this host.*no host docker02 has joined.*empty state directory/,
  );
  expect(await waits(0)).toBe(false);
  // Neither a server that is away nor an answer from before says that it is known again.
  gate.notReached('the server cannot be reached');
  asked();
  expect(gate.pending()).toMatch(/the server cannot be reached/);
  gate.comparing()();
  expect(gate.pending()).toBeNull();
  expect([opened(), disowned()]).toEqual([2, 1]);
});

test('promise 1: a host that the server did not know before the restart, or that holds nothing, is no exception', async () => {
  for (const isEmpty of [false, true]) {
    const { gate, waits } = gateOf('disowned', isEmpty);
    gate.notReached('the server cannot be reached');
    expect(await waits(2000)).toBe(false);
    expect(gate.pending()).not.toBeNull();
    gate.comparing()();
    expect(gate.pending()).toBeNull();
  }
});
