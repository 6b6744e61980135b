import { expect, test } from 'vitest';
import { createHealth, type Health } from './health.ts';

const host = 'docker01';
const minute = 60_000;

function owedAfter(
  arrange: (health: Health) => void,
  meanwhile: (health: Health) => void = () => undefined,
): boolean {
  const health = createHealth([host, 'docker02']);
  health.proven(1);
  arrange(health);
  const claim = health.claim(host, minute);
  meanwhile(health);
  return health.owed(host, claim);
}

test('while nothing is broken an address is owed, over and over', () => {
  expect(owedAfter(() => undefined)).toBe(true);
  expect(owedAfter((health) => void health.claim(host, 1))).toBe(true);
});

test('with the server, the database or the cable gone an address is owed as long as there are some in stock', () => {
  for (const operation of [{ do: 'kill server' }, { do: 'kill database' }, { do: 'cut', host }] as const) {
    expect(owedAfter((health) => health.begin(operation))).toBe(true);
    expect(
      owedAfter(
        () => undefined,
        (health) => health.begin(operation),
      ),
    ).toBe(true);
    const spent = (health: Health): void => {
      health.begin(operation);
      health.claim(host, 1);
    };
    expect(owedAfter(spent)).toBe(false);
  }
});

test('with the agent or Docker disturbed on the host, before or meanwhile, none is owed; on another host it is', () => {
  for (const what of ['kill agent', 'restart agent', 'kill dockerd', 'restart dockerd', 'reboot'] as const) {
    expect(owedAfter((health) => health.begin({ do: what, host }))).toBe(false);
    expect(
      owedAfter(
        () => undefined,
        (health) => health.begin({ do: what, host }),
      ),
    ).toBe(false);
    expect(owedAfter((health) => health.begin({ do: what, host: 'docker02' }))).toBe(true);
  }
});

/** Killed, and started at that moment. */
const ended =
  (at: number) =>
  (health: Health): void => {
    health.begin({ do: 'kill agent', host });
    health.end({ do: 'kill agent', host }, at);
    health.begin({ do: 'start agent', host });
    health.end({ do: 'start agent', host }, at);
  };

test('what was mended is trusted after a while, and what was only broken is not', () => {
  expect(owedAfter(ended(minute - 10_000))).toBe(true);
  expect(owedAfter(ended(minute - 1_000))).toBe(false);
  expect(
    owedAfter((health) => {
      health.begin({ do: 'kill agent', host });
      health.end({ do: 'kill agent', host }, 1);
    }),
  ).toBe(false);
});
