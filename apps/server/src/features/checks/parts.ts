import { checkPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Diagnoses } from './diagnoses.ts';
import { endWhole, lockEndedParts } from './parts.store.ts';
import { endVerification } from './verifications.ts';
import type { WireChecks } from './wire-checks.ts';

/** A part of a check on several hosts has ended: with the last one the check is over. */
export type PartEnded = (change: Change, id: string) => Promise<void>;

export function createPartEnded(
  { now }: Pick<Platform, 'now'>,
  wire: Pick<WireChecks, 'result'>,
  diagnoses: Pick<Diagnoses, 'result'>,
): PartEnded {
  return async (change, id) => {
    const ended = await lockEndedParts(transactionQuery(change.db), id);
    if (ended === undefined) return;
    const { kind, spec, parts } = ended;
    const [result, findings] =
      kind === 'wire'
        ? countVerdicts(wire.result(spec, parts))
        : countFindings(await diagnoses.result(change.db, spec, parts));
    await endWhole(change.db, id, result, now());
    if ('verdicts' in result) await endVerification(change, id, result, now());
    change.record({
      type: 'check.done',
      subject: checkPath(id),
      data: { kind, findings, message: result.message },
    });
  };
}

const countVerdicts = <T extends { verdicts: readonly unknown[] }>(result: T): [T, number] => [
  result,
  result.verdicts.length,
];
const countFindings = <T extends { findings: readonly unknown[] }>(result: T): [T, number] => [
  result,
  result.findings.length,
];
