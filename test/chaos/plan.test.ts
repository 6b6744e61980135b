import { describe, expect, test } from 'vitest';
import type { Operation, Step } from './operation.ts';
import { planOf } from './plan.ts';
import type { PlanSettings } from './plan-state.ts';

const hosts = ['docker01', 'docker02'];
const settings: PlanSettings = {
  seed: 1,
  hosts,
  byName: ['10.213.0.20', '10.213.0.21'],
  macs: ['02:42:c0:00:00:01'],
  perHost: 5,
  between: 20,
};

function steps(change: Partial<PlanSettings> = {}, count = 600): readonly Step[] {
  const plan = planOf({ ...settings, ...change });
  return Array.from({ length: count }, () => plan.next().value);
}
const operationsOf = (all: readonly Step[]) =>
  all.flatMap(({ operations }) => operations.map(({ operation }) => operation));

describe('a plan', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(steps()).toEqual(steps());
    expect(steps()).not.toEqual(steps({ seed: 2 }));
  });

  test('has every operation in it', () => {
    expect([...new Set(operationsOf(steps()).map((one) => one.do))].sort()).toEqual([
      'aux network',
      'back up',
      'clone state',
      'connect',
      'crash',
      'cut',
      'disconnect',
      'exclude',
      'force release',
      'kill agent',
      'kill database',
      'kill dockerd',
      'kill server',
      'mend',
      'no aux network',
      'own state',
      'reboot',
      'release',
      'reserve',
      'restart',
      'restart agent',
      'restart dockerd',
      'restore backup',
      'rm',
      'run',
      'start',
      'start agent',
      'start dockerd',
      'start server',
      'station comes',
      'station leaves',
      'stop',
    ]);
  });

  test.each([1, 2, 3, 4, 5])('never does two things to one container at once (seed %i)', (seed) => {
    for (const { operations } of steps({ seed })) {
      const names = operations.flatMap(({ operation }) =>
        'container' in operation ? [operation.container] : [],
      );
      expect(new Set(names).size).toBe(names.length);
    }
  });

  test.each([1, 2, 3, 4, 5])(
    'starts no Docker without its agent, and asks nothing of one that is down (seed %i)',
    (seed) => {
      const agents = new Set<string>();
      const dockerds = new Set<string>();
      const wrong: Operation[] = [];
      for (const { operations, calm } of steps({ seed })) {
        if (calm) for (const broken of [agents, dockerds]) broken.clear();
        const before = new Set(dockerds);
        for (const { operation } of operations) {
          if (!('host' in operation)) continue;
          const { do: what, host } = operation;
          if ('container' in operation && before.has(host)) wrong.push(operation);
          if (/^(start dockerd|restart dockerd|reboot)$/.test(what) && agents.has(host))
            wrong.push(operation);
          if (what === 'kill agent' || what === 'clone state') agents.add(host);
          if (what === 'start agent' || what === 'own state') agents.delete(host);
          if (what === 'kill dockerd') dockerds.add(host);
          if (what === 'start dockerd') dockerds.delete(host);
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  test('keeps to the room that a host has, and comes to rest every so often', () => {
    const all = steps();
    const here = new Map<string, Set<string>>(hosts.map((host) => [host, new Set()]));
    for (const operation of operationsOf(all)) {
      if (operation.do === 'run') here.get(operation.host)?.add(operation.container);
      if (operation.do === 'rm') here.get(operation.host)?.delete(operation.container);
      for (const names of here.values()) expect(names.size).toBeLessThanOrEqual(settings.perHost);
    }
    expect(all.filter(({ calm }) => calm).length).toBeGreaterThan(operationsOf(all).length / 30);
  });
});
