import { parseArgs } from 'node:util';
import { benchAllocation } from './allocation.ts';
import { benchConvergence } from './convergence.ts';
import { benchDockerRun } from './docker-run.ts';
import { benchFill } from './fill.ts';
import { benchRefill } from './refill.ts';
import { benchRepair } from './repair.ts';
import { benchRequestAddress } from './request-address.ts';
import { benchRest } from './rest.ts';
import { benchWarmFill } from './warm-fill.ts';
import { machine, table } from './table.ts';

/** Each benchmark runs its peer or the bare limit beside the product in one run, and prints the ratio. */
const benchmarks: Record<string, (progress: (text: string) => void) => Promise<string[][]>> = {
  allocation: benchAllocation,
  convergence: benchConvergence,
  fill: benchFill,
  refill: benchRefill,
  repair: benchRepair,
  'request-address': benchRequestAddress,
  rest: benchRest,
  run: benchDockerRun,
  'warm-fill': benchWarmFill,
};

const { positionals } = parseArgs({ allowPositionals: true });
const chosen = positionals.length > 0 ? positionals : Object.keys(benchmarks);
const erase = process.stderr.isTTY ? '\r\u001b[K' : '';
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`${erase}${text}`);
};

process.stdout.write(`${machine()}\n`);
for (const name of chosen) {
  const run = benchmarks[name];
  if (run === undefined)
    throw new Error(`no benchmark ${name}: there are ${Object.keys(benchmarks).join(', ')}`);
  if (!process.stderr.isTTY) process.stderr.write(`${name}\n`);
  const rows = await run((text) => progress(`${name}: ${text}`));
  progress('');
  process.stdout.write(`\n${table(rows)}\n`);
}
