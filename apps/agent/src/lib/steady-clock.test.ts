import { expect, test } from 'vitest';
import { createSteadyClock } from './steady-clock.ts';

const hour = 3_600_000;

function setUp() {
  const machine = { wall: 10 * hour, elapsed: 0 };
  const clock = createSteadyClock(
    () => machine.wall,
    () => machine.elapsed,
  );
  return {
    clock,
    pass: (ms: number) => {
      machine.wall += ms;
      machine.elapsed += ms;
    },
    set: (byMs: number) => void (machine.wall += byMs),
  };
}

test('it says what the clock of the machine says', () => {
  const { clock, pass } = setUp();
  pass(1234);
  expect(clock.now()).toBe(10 * hour + 1234);
  expect(clock.setForwardAt()).toBe(0);
});

test('where the clock of the machine is set back, time goes on', () => {
  const { clock, pass, set } = setUp();
  pass(1000);
  const before = clock.now();
  set(-hour);
  expect(clock.now()).toBe(before);
  pass(5000);
  expect(clock.now()).toBe(before + 5000);
  expect(clock.setForwardAt()).toBe(0);
});

test('where it is set right again, it says what that says, and no time was lost or won', () => {
  const { clock, pass, set } = setUp();
  set(-hour);
  clock.now();
  pass(5000);
  set(hour);
  expect(clock.now()).toBe(10 * hour + 5000);
  expect(clock.setForwardAt()).toBe(0);
});

test('where it is set forward, it is followed, and when that was is known', () => {
  const { clock, pass, set } = setUp();
  pass(1000);
  clock.now();
  set(3 * hour);
  const at = 13 * hour + 1000;
  expect(clock.setForwardAt()).toBe(at);
  pass(700);
  expect(clock.now()).toBe(at + 700);
  expect(clock.setForwardAt()).toBe(at);
});

test('what is corrected little by little is no leap', () => {
  const { clock, pass, set } = setUp();
  for (let n = 0; n < 100; n += 1) {
    pass(1000);
    set(0.5);
    clock.now();
  }
  expect(clock.setForwardAt()).toBe(0);
});
