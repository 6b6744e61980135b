import { isatty } from 'node:tty';
import { pino, type Logger, type LoggerOptions } from 'pino';
import { openLogOutput, type LogOutput } from './log-output.ts';

/** How a log is opened. */
export interface OpenLogOptions extends LoggerOptions {
  /** By default standard output. */
  readonly output?: LogOutput;
  /** Whether a person reads it as it is written; by default whether standard output is a terminal. */
  readonly terminal?: boolean;
}

/**
 * A log of one JSON object on a line, as every collector takes it, with the time in ISO 8601. On a terminal the same lines are written for
 * people, in colour unless `NO_COLOR` is set.
 */
export async function openLog({ output, terminal, ...options }: OpenLogOptions = {}): Promise<Logger> {
  const lines = output ?? openLogOutput();
  const settings = { ...options, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(settings, (terminal ?? isatty(1)) ? await forPeople(lines) : lines);
}

/** Loaded on a terminal only: an agent that nobody watches does without its memory. */
async function forPeople(lines: LogOutput): Promise<LogOutput> {
  const { prettyFactory } = await import('pino-pretty');
  const colorize = (process.env['NO_COLOR'] ?? '') === '';
  const pretty = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' });
  return { write: (line) => lines.write(pretty(line) ?? line) };
}
