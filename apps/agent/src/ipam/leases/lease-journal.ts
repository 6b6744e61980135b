import { crc32 } from 'node:zlib';
import { idle, leaseUses, type LeaseKey, type LeaseRecord } from './lease-record.ts';

/*
 * The file of the lease store: one change a line, the last of a key counts. A line is its CRC-32 in hexadecimal, a
 * space, and JSON: a record, or the key that is no longer held.
 */

/** One change of the store. */
export type LeaseChange = LeaseRecord | { readonly drop: LeaseKey };

/** A line that was whole once and is not what was written: nothing in the file can be relied on. */
export class DamagedJournal extends Error {
  override readonly name = 'DamagedJournal';
}

/** A change as its line, newline included. */
export function journalLine(change: LeaseChange): string {
  const json = JSON.stringify(change);
  return `${sumOf(json)} ${json}\n`;
}

function sumOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

/** The content of a file and the number of its lines; `torn`: its last line was cut off, so nobody knows of it. */
export interface JournalContent {
  readonly records: ReadonlyMap<LeaseKey, LeaseRecord>;
  readonly lines: number;
  readonly torn: boolean;
}

/** Reads a file. Fails with {@link DamagedJournal}. */
export function readJournal(text: string): JournalContent {
  const records = new Map<LeaseKey, LeaseRecord>();
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  for (const [index, line] of lines.entries()) {
    const change = changeOf(line);
    if (change === null) throw new DamagedJournal(`line ${index + 1} of ${lines.length} is damaged`);
    if ('drop' in change) records.delete(change.drop);
    else records.set(`${change.networkId}/${change.ip}`, completed(change));
  }
  return { records, lines: lines.length, torn: rest !== '' };
}

/** Older agents wrote less. What they granted counts as open: a look that sees a container on it, or its grace, ends that. */
function completed(record: LeaseRecord): LeaseRecord {
  const { use }: Pick<LeaseRecord, 'use'> = record;
  const old: Partial<LeaseRecord> = record;
  return { ...record, ...idle, grants: use === 'used' ? 1 : 0, pinned: use === 'kept', ...old };
}

function changeOf(line: string): LeaseChange | null {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${sumOf(json)} `) return null;
  try {
    const value = JSON.parse(json) as Record<string, unknown> | null;
    return isChange(value) ? value : null;
  } catch {
    return null;
  }
}

/** A line with a valid sum was written by us; what is checked is that this version of us understands it. */
function isChange(value: unknown): value is LeaseChange {
  const change = value as Record<string, unknown> | null;
  if (change === null || typeof change !== 'object') return false;
  if (typeof change['drop'] === 'string') return true;
  return (
    ['networkId', 'ip', 'subnet'].every((field) => typeof change[field] === 'string') &&
    Number.isSafeInteger(change['generation']) &&
    typeof change['since'] === 'number' &&
    leaseUses.some((use) => use === change['use'])
  );
}
