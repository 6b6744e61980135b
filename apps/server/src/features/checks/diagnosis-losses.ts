import type { DiagnosisFinding } from '@trunkline/contracts';
import type { DiagnosisEvidence } from './diagnosis-merge.ts';
import { findingOf } from './diagnosis-words.ts';

/**
 * A rule that counted packets is the cause only where packets of the diagnosis were lost, whichever host missed them; else it may be.
 */
export function withDoubts(
  findings: readonly DiagnosisFinding[],
  evidence: Pick<DiagnosisEvidence, 'answers' | 'wire'>,
): DiagnosisFinding[] {
  const isSaid = [...findings, ...(evidence.wire?.verdicts ?? [])].some(
    ({ code }) => code === 'packets-cut' || code === 'no-answer',
  );
  if (isSaid || isAnythingLost(evidence)) return [...findings];
  return findings.map((one) =>
    one.code === 'packets-dropped'
      ? findingOf('packets-may-be-dropped', {
          ...one,
          message: `${one.message}; nothing that was sent was lost`,
        })
      : one,
  );
}

function isAnythingLost({ answers, wire }: Pick<DiagnosisEvidence, 'answers' | 'wire'>): boolean {
  const pings = [
    ...answers.flatMap(({ result }) => result.pings),
    ...(wire?.pairs.flatMap((pair) => pair.pings) ?? []),
    ...(wire?.gateways.map(({ ping }) => ping) ?? []),
  ];
  return (
    pings.some(({ sent, received }) => received < sent || sent === 0) ||
    wire?.pairs.some(({ heard }) => heard === false) === true
  );
}
