import type { Check, WireResult } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import type { CheckCreation } from './check-creation.ts';
import { noteStarted, noteVerified, takeDue } from './verifications.store.ts';

/** At least so long between two tries of one network, in milliseconds: hosts become ready one after the other. */
const pauseMs = 20_000;
/** Networks that are tried in one sweep. */
const maxAtOnce = 4;

/** Tries the wire of networks with `verify` that became ready on a host. */
export async function startVerifications(
  change: Change,
  { now }: Pick<Platform, 'now'>,
  creation: CheckCreation,
): Promise<void> {
  const query = transactionQuery(change.db);
  const at = now();
  for (const network of await takeDue(query, new Date(at.getTime() - pauseMs), maxAtOnce)) {
    const { body } = await creation.create(change, { kind: 'wire', network: network.name });
    await noteStarted(query, network, (body as Check).id, at);
  }
}

/** Notes the result of a check of the wire that was made for `verify`. */
export async function endVerification(
  change: Change,
  check: string,
  { ok, verdicts, message }: WireResult,
  now: Date,
): Promise<void> {
  const isOnlyMissing = verdicts.every(({ code }) => code === 'not-tried');
  const outcome = ok ? 'fine' : isOnlyMissing ? 'partly' : 'faulty';
  await noteVerified(transactionQuery(change.db), check, { at: now.toISOString(), check, outcome, message });
}
