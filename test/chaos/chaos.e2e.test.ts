/**
 * Promises 1, 3, 4 and 5 of design.md on real hosts, while everything is killed at random. `npm run chaos` does the same
 * for longer.
 */
import { expect, test } from 'vitest';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { chaos } from './run.ts';

/** What a run is: 60 operations, or as many as a slow machine gets done in the time. */
const settings = { hosts: 2, minutes: 1.5, operations: 60, prefix: 26, between: 30 };
const minOperations = 15;
const deadlineMs = 600_000;

/** The same as ever, so that what turns red was turned by a change; `npm run chaos` draws new ones. */
const own = process.env['TRUNKLINE_TEST_SEED'];
const seeds = [20_261, ...(own === undefined ? [] : [Number(own)])];

test.each(seeds)(
  'no address is doubled, freed early or leaked by a random history (seed %i)',
  // A violation is one, also when it does not come twice.
  { timeout: patient(deadlineMs), retry: 0 },
  async (seed) => {
    const lines: string[] = [];
    const result = await chaos({ ...settings, seed }, (line) => lines.push(line));
    const [first] = result.violations;
    if (first !== undefined) {
      const found = result.violations.map(({ kind, text }) => `${kind}: ${text}`);
      // Also at the end: what is kept of a long output is its tail.
      const what = [`seed ${String(seed)}:`, ...found].join('\n');
      throw new Error([what, ...result.story, result.logs, what].join('\n'));
    }
    // A run in which nothing is done proves nothing.
    expect(result.operations).toBeGreaterThan(minOperations);
    expect(result.looks).toBeGreaterThan(result.operations);
    expect(result.books).toBeGreaterThan(minOperations);
    expect(result.outcomes.get('run: ok')).toBeGreaterThan(1);
    expect(result.outcomes.get('run, one address: ok')).toBeGreaterThan(0);
  },
);
