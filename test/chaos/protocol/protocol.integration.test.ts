import { randomInt } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../../integration/database.ts';
import { runProtocol } from './run.ts';

const seed = Number(process.env['TRUNKLINE_CHAOS_SEED'] ?? randomInt(1_000_000));
const seconds = Number(process.env['TRUNKLINE_CHAOS_SECONDS'] ?? 12);

test(
  `no address is held twice, nothing is freed early, and nothing leaks, whatever is lost, repeated, late, wiped or killed (TRUNKLINE_CHAOS_SEED=${seed} TRUNKLINE_CHAOS_SECONDS=${seconds})`,
  // A violation is one, also when it does not come twice; only a run that did too little is tried again.
  { timeout: (seconds + 60) * 1000, retry: { count: 1, condition: /to be greater than/ } },
  async () => {
    const { connectionString, drop } = await createTestDatabase();
    onTestFinished(drop);
    const result = await runProtocol({
      connectionString,
      seed,
      durationMs: seconds * 1000,
      agents: 40,
      restarts: Math.max(1, Math.floor(seconds / 10)),
    });
    console.log(
      `protocol chaos, seed ${seed}: ${result.operations} operations`,
      JSON.stringify(result.counts),
    );
    expect(result.violations).toEqual([]);
    expect(result.leaked).toEqual([]);
    expect(result.unaccounted).toEqual([]);
    expect(result.findings).toEqual([]);
    // A run that did nothing proves nothing.
    for (const what of [
      'container started',
      'container stopped',
      'claim',
      'on demand',
      'answer lost',
      'stale return',
      'taken away',
      'excluded',
      'server killed',
    ])
      expect(result.counts[what] ?? 0).toBeGreaterThan(0);
  },
);
