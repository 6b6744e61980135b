import { InvalidArgumentError, Option } from 'commander';
import { outputs } from '../format/listing.ts';

/** Flags that several commands share. Each call makes its own, since commander keeps state in them. */
export const contextFlag = (): Option =>
  new Option('--context <name>', 'the context to use, instead of the one in use and of TRUNKLINE_URL');

export const outputFlag = (choices: readonly string[] = outputs): Option =>
  new Option('-o, --output <form>', 'how to show it').choices(choices).default(choices[0]);

/** A whole number within bounds. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  };

/** A revision of the event log. */
export function revision(text: string): string {
  if (/^(0|[1-9]\d{0,17})$/.test(text)) return text;
  throw new InvalidArgumentError('It is a revision, such as 1042.');
}

/** Seconds that `--wait` alone stands for. */
const defaultWait = 60;

export const waitFlag = (): Option =>
  new Option(
    '--wait <seconds>',
    `wait until it is real on its hosts; --wait alone is --wait=${defaultWait}`,
  ).argParser(wholeNumber(0, 86_400));

/**
 * Arguments in which `--wait` alone has its seconds. Commander takes the word after a flag with an optional value for that value, and so
 * the name in `delete --wait network mac_net1`.
 */
export const withWaitSeconds = (argv: readonly string[]): string[] => {
  const end = argv.indexOf('--');
  return argv.map((word, at) =>
    word === '--wait' && (end === -1 || at < end) ? `--wait=${defaultWait}` : word,
  );
};
