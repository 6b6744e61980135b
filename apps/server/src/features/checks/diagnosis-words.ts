import { diagnosisTable, type DiagnosisCode, type DiagnosisFinding } from '@trunkline/contracts';

/** A finding, cut to the bounds of its schema. Without a remedy of its own it has that of its code. */
export function findingOf(
  code: DiagnosisCode,
  found: Omit<DiagnosisFinding, 'code' | 'severity' | 'remedy'> & { remedy?: string },
): DiagnosisFinding {
  const { severity, remedy } = diagnosisTable[code];
  return {
    code,
    severity,
    host: found.host,
    subject: found.subject.slice(0, 512),
    message: found.message.slice(0, 4096),
    evidence: found.evidence.slice(0, 32).map((line) => line.slice(0, 2048)),
    remedy: (found.remedy ?? remedy).slice(0, 4096),
  };
}
