import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DesiredDocument } from '@trunkline/contracts';
import type { Logger } from 'pino';
import { Value } from 'typebox/value';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';

/** Why a document was not taken. */
export type Refusal =
  | { readonly reason: 'older'; readonly have: string; readonly got: string }
  | { readonly reason: 'foreign'; readonly hostId: string };

/**
 * What this host should be, as last received, in memory and on disk: a reboot needs no server. Null means that nothing is
 * known, and is never the same as a document that lists nothing.
 */
export interface DesiredCache {
  readonly current: () => DesiredDocument | null;
  /**
   * Takes a document once it is safe on disk. One for another host, or of an older revision than what is here, is
   * refused and changes nothing.
   */
  readonly accept: (document: DesiredDocument) => Promise<Refusal | null>;
}

/** Opens the cache of a state folder. A file that cannot be read in full is treated as none, and logged. */
export async function openDesiredCache(deps: {
  readonly stateFolder: string;
  readonly hostId: string;
  readonly log: Logger;
}): Promise<DesiredCache> {
  const path = join(deps.stateFolder, 'desired.json');
  let current = await load(path, deps.hostId, deps.log);
  return {
    current: () => current,
    accept: async (document) => {
      if (document.hostId !== deps.hostId) return { reason: 'foreign', hostId: document.hostId };
      if (current !== null && BigInt(document.revision) < BigInt(current.revision)) {
        return { reason: 'older', have: current.revision, got: document.revision };
      }
      await writeFileAtomically(path, encode(document));
      current = document;
      return null;
    },
  };
}

/** One line of checksum, one of JSON. */
function encode(document: DesiredDocument): string {
  const json = JSON.stringify(document);
  return `${checksum(json)}\n${json}\n`;
}

async function load(path: string, hostId: string, log: Logger): Promise<DesiredDocument | null> {
  try {
    const text = await readFileIfAny(path);
    if (text === null) return null;
    const [sum, json = '', end] = text.split('\n');
    if (end === undefined || sum !== checksum(json)) throw new Error('the checksum does not match');
    const document: unknown = JSON.parse(json);
    if (!Value.Check(DesiredDocument, document)) throw new Error('it is not a desired document');
    if (document.hostId !== hostId) throw new Error(`it is for host ${document.hostId}`);
    return document;
  } catch (error) {
    log.warn(
      { err: error, path },
      'desired state on disk is unreadable, nothing is changed until the server answers',
    );
    return null;
  }
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
