import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const usage = `npm run fuzz -- [--seed N] [--count N]

Sends generated requests to a server of its own and judges every answer.
  --seed N   the first seed; the same one sends the same requests (default: by the clock)
  --count N  requests to the API; a third as many by agents (default 100000)
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '100000' },
    help: { type: 'boolean' },
  },
});
const seed = values.seed ?? String(Math.floor(Date.now() / 1000));
if (values.help === true || !/^\d{1,15}$/.test(seed) || !/^\d{1,9}$/.test(values.count)) {
  process.stdout.write(usage);
  process.exit(values.help === true ? 0 : 2);
}
process.stdout.write(`seed ${seed}, ${values.count} requests\n`);
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', 'test/fuzz'],
  {
    stdio: 'inherit',
    env: { ...process.env, TRUNKLINE_FUZZ_SEED: seed, TRUNKLINE_FUZZ_COUNT: values.count },
  },
);
process.exitCode = status ?? 1;
