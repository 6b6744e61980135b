import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const usage = `npm run fuzz -- [--seed N] [--count N] [--surface api|agent|driver]

Sends generated requests to a server and to an agent of its own and judges every answer.
  --seed N     the first seed; the same one sends the same requests (default: by the clock)
  --count N    requests to the API; a third as many by agents and by Docker (default 100000)
  --surface S  only one of: api (the REST API), agent (the protocol of agents, signed), driver (the socket
               of an agent, as Docker and others may use it); as many as --count says
`;

/** The file, and which of its tests. */
const surfaces: Record<string, readonly string[]> = {
  all: ['test/fuzz'],
  api: ['test/fuzz/fuzz.integration.test.ts', '-t', 'of the API|afterwards'],
  agent: ['test/fuzz/fuzz.integration.test.ts', '-t', 'by agents|afterwards'],
  driver: ['test/fuzz/driver'],
};

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '100000' },
    surface: { type: 'string', default: 'all' },
    help: { type: 'boolean' },
  },
});
const seed = values.seed ?? String(Math.floor(Date.now() / 1000));
const surface = Object.hasOwn(surfaces, values.surface) ? surfaces[values.surface] : undefined;
if (
  surface === undefined ||
  values.help === true ||
  !/^\d{1,15}$/.test(seed) ||
  !/^\d{1,9}$/.test(values.count)
) {
  process.stdout.write(usage);
  process.exit(values.help === true ? 0 : 2);
}
process.stdout.write(`seed ${seed}, ${values.count} requests, surface ${values.surface}\n`);
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', ...surface],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      TRUNKLINE_FUZZ_SEED: seed,
      TRUNKLINE_FUZZ_COUNT: values.count,
      TRUNKLINE_FUZZ_SHARE: values.surface === 'all' ? '3' : '1',
    },
  },
);
process.exitCode = status ?? 1;
