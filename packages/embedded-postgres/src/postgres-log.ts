import type { Log } from './log.ts';

/** `log_line_prefix` that {@link parseLogLine} reads: the kind of process (`%b`). */
export const logLinePrefix = '%b|';

/** One line of PostgreSQL's log. */
export interface PostgresLogLine {
  readonly level: keyof Log;
  /** `postmaster`, `checkpointer`, `client backend`, …; empty for lines without a prefix. */
  readonly backend: string;
  readonly text: string;
}

/**
 * Reads a line of PostgreSQL's log. What goes wrong for one client is reported to that client, which decides what it means
 * (a violated constraint is an answer, not a fault), so it is `debug` here.
 */
export function parseLogLine(line: string): PostgresLogLine {
  const parts = /^(?<backend>[a-z][a-z /-]*)\|(?<severity>[A-Z]+\d?): +(?<text>.*)$/.exec(line)?.groups;
  if (parts === undefined) return { level: 'debug', backend: '', text: line.trim() };
  const backend = parts['backend'] ?? '';
  const text = parts['text'] ?? '';
  const level = levelOf(parts['severity'] ?? '', backend);
  return { level, backend, text };
}

function levelOf(severity: string, backend: string): keyof Log {
  if (severity === 'PANIC') return 'error';
  if (backend === 'client backend') return 'debug';
  if (severity === 'FATAL' || severity === 'ERROR') return 'error';
  if (severity === 'WARNING') return 'warn';
  return severity === 'LOG' || severity === 'HINT' || severity === 'DETAIL' ? 'info' : 'debug';
}
