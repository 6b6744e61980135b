import type { Logger } from 'pino';
import { readHostId } from './identity.ts';
import { markDisowned, markStatePast, readBoot, readStatePast, type StatePast } from './state-past.ts';

/** What the state folder was doing before this start, and the marks that the next start reads (ADR 0037). */
export interface Past {
  readonly past: StatePast;
  /** The folder belongs to this host, as of now. Never fails: a mark that cannot be written is logged. */
  readonly mark: () => Promise<void>;
  /** The server does not know this host as the holder of what is in the folder. */
  readonly disown: () => Promise<void>;
  /** The identity of this host is on disk. */
  readonly joined: () => Promise<void>;
  /** Resolves when the last mark is written. */
  readonly settled: () => Promise<void>;
}

const warnings: Partial<Record<StatePast, string>> = {
  restored:
    'the state folder was restored from a copy: nothing is granted or changed before the server has confirmed its addresses',
  disowned:
    'the server did not know this host as the holder of the addresses in the state folder: nothing is granted before it confirms that',
};

/**
 * Reads the marks, and marks a folder that went on as it was. A folder that was put back, or that belongs to another
 * host, keeps its mark until the server has confirmed what it holds.
 */
export async function openPast({
  stateFolder,
  readFile,
  log,
}: {
  readonly stateFolder: string;
  readonly readFile: (path: string) => Promise<string>;
  readonly log: Logger;
}): Promise<Past> {
  const boot = await readBoot(readFile);
  const past = await readStatePast(stateFolder, boot, await readHostId(stateFolder));
  const warning = warnings[past];
  if (warning !== undefined) log.warn({ folder: stateFolder }, warning);
  // One after the other: the last one holds.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (write: () => Promise<void>): Promise<void> => {
    last = last
      .then(write)
      .catch((error: unknown) =>
        log.warn(
          { err: error },
          'the state folder could not be marked: the restore of a copy may go unnoticed',
        ),
      );
    return last;
  };
  const mark = (): Promise<void> =>
    inTurn(async () => markStatePast(stateFolder, boot, await readHostId(stateFolder)));
  const isOwn = past === 'continued' || past === 'rebooted';
  if (isOwn) await mark();
  return {
    past,
    mark,
    disown: () => inTurn(() => markDisowned(stateFolder)),
    joined: () => (isOwn ? mark() : last),
    settled: () => last,
  };
}
