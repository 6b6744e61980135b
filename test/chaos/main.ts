/** `npm run chaos`: random operations on a lab, judged from outside of the product. */
import { parseArgs } from 'node:util';
import { chaos, type ChaosSettings } from './run.ts';

const usage = `usage: npm run chaos [-- --minutes 30 --seed 1 --hosts 2 --operations 500 --engine 28]

Builds Docker hosts on this machine with a server and agents, and does random things to them: containers are
run, stopped, started, removed, connected and disconnected, with and without --ip, while agents, Docker, the
server and its PostgreSQL are killed, cables pulled and hosts rebooted. What kernels and the API show is held
against the promises about addresses all the time. Needs Linux and root.

  --seed N        the same operations again (default: random, and printed)
  --minutes N     end after this long (default 10)
  --operations N  end after this many (default: no end)
  --hosts N       2 to 8 (default 2)
  --prefix N      subnet of /20 to /28: the longer, the scarcer addresses are (default 26)
  --engine ENGINE folder of another Docker release, or a major version of the distribution (packages/lab/src/hosts/README.md)
  --between N     operations between two looks at a fleet at rest (default 30)

Exit code 0 only if all held; else the first violation is printed with what led to it.
`;

function numberOf(
  text: string | undefined,
  name: string,
  least: number,
  most: number,
  otherwise: number,
): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} is "${text}": write a whole number from ${String(least)} to ${String(most)}`);
  return value;
}

function settingsOf(): ChaosSettings | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      seed: text,
      minutes: text,
      operations: text,
      hosts: text,
      prefix: text,
      between: text,
      engine: text,
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const largest = 2 ** 31 - 1;
  return {
    seed: numberOf(values.seed, 'seed', 0, largest, Math.floor(Math.random() * largest)),
    minutes: numberOf(values.minutes, 'minutes', 1, 10_000, 10),
    operations: numberOf(values.operations, 'operations', 1, largest, largest),
    hosts: numberOf(values.hosts, 'hosts', 2, 8, 2),
    prefix: numberOf(values.prefix, 'prefix', 20, 28, 26),
    between: numberOf(values.between, 'between', 1, 10_000, 30),
    ...(values.engine === undefined ? {} : { engine: values.engine }),
  };
}

const show = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const settings = settingsOf();
  if (settings === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  show(`seed ${String(settings.seed)}`);
  const result = await chaos(settings, show);
  show('');
  for (const [key, times] of [...result.outcomes].sort(([a], [b]) => a.localeCompare(b)))
    show(`${String(times).padStart(6)}  ${key}`);
  show(
    `seed ${String(settings.seed)}: ${String(result.operations)} operations, ${String(result.looks)} looks at kernels, ${String(result.books)} at the book`,
  );
  if (result.violations.length === 0) {
    show('All held.');
    return 0;
  }
  show(result.logs);
  show(`\n${String(result.violations.length)} violations:`);
  for (const { kind, text } of result.violations) show(`  ${kind}: ${text}`);
  show('\nWhat led to the first:');
  for (const line of result.story) show(line);
  return 1;
}

process.exitCode = await main();
