import { checkPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { transactionQuery } from '../../platform/database/query.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Diagnoses } from './diagnoses.ts';
import type { Matrices } from './matrices.ts';
import { isFine } from './matrix-verdict.ts';
import { endWhole, lockEndedParts, type EndedWhole } from './parts.store.ts';
import { endVerification } from './verifications.ts';
import type { WireChecks } from './wire-checks.ts';

/** A part of a check on several hosts has ended: with the last one the check is over. */
export type PartEnded = (change: Change, id: string) => Promise<void>;

export function createPartEnded(
  { now }: Pick<Platform, 'now'>,
  wire: Pick<WireChecks, 'result'>,
  diagnoses: Pick<Diagnoses, 'result'>,
  matrices: Pick<Matrices, 'result'>,
): PartEnded {
  const resultOf = async (
    db: TransactionClient,
    { kind, spec, parts }: EndedWhole,
  ): Promise<{ result: Parameters<typeof endWhole>[2]; findings: number }> => {
    switch (kind) {
      case 'wire': {
        const result = wire.result(spec, parts);
        return { result, findings: result.verdicts.length };
      }
      case 'diagnose': {
        const result = await diagnoses.result(db, spec, parts);
        return { result, findings: result.findings.length };
      }
      case 'matrix': {
        const result = matrices.result(spec, parts);
        return { result, findings: result.directions.filter((one) => !isFine(one)).length };
      }
    }
  };

  return async (change, id) => {
    const ended = await lockEndedParts(transactionQuery(change.db), id);
    if (ended === undefined) return;
    const { result, findings } = await resultOf(change.db, ended);
    await endWhole(change.db, id, result, now());
    if ('verdicts' in result) await endVerification(change, id, result, now());
    change.record({
      type: 'check.done',
      subject: checkPath(id),
      data: { kind: ended.kind, findings, message: result.message },
    });
  };
}
