import type { AddressFinding, Condition } from '@trunkline/contracts';
import type { DiagnosisEvidence } from './diagnosis-merge.ts';

type Reported = Pick<DiagnosisEvidence, 'addresses' | 'conditions'>;

/**
 * What hosts reported, without the conflicts that are over: a host asks the wire again for the addresses of the containers that it looks into, and what it heard now counts,
 * not what it heard up to half a minute ago.
 */
export function withoutEnded({
  plan,
  answers,
  addresses,
  conditions,
}: Pick<DiagnosisEvidence, 'plan' | 'answers'> & Reported): Reported {
  const clear = new Set(
    answers.filter(({ isAsked, result }) => isAsked && heardNobody(result.looked)).map(({ host }) => host),
  );
  const lookedInto = new Set(
    plan.hosts
      .filter(({ name }) => clear.has(name))
      .flatMap(({ name, containers }) => containers.map((one) => `${one} on ${name}`)),
  );
  const isOver = ({ kind, holders }: AddressFinding): boolean =>
    kind === 'conflicted' &&
    holders.length > 0 &&
    holders.every(({ host, container }) => lookedInto.has(`${container ?? ''} on ${host}`));
  const over = new Set(
    addresses
      .filter(isOver)
      .flatMap(({ network, holders }) => holders.map(({ host }) => `network ${network} on ${host}`)),
  );
  return {
    addresses: addresses.filter((one) => !isOver(one)),
    conditions: conditions.map((one) =>
      over.has(`${one.subject ?? ''} on ${one.host}`)
        ? { ...one, conditions: one.conditions.filter((condition) => !isConflict(condition)) }
        : one,
    ),
  };
}

const heardNobody = (looked: readonly { readonly area: string; readonly outcome: string }[]): boolean => {
  const wire = looked.filter(({ area }) => area === 'wire');
  return wire.length > 0 && wire.every(({ outcome }) => outcome === 'clear');
};

const isConflict = ({ type, reason }: Condition): boolean =>
  type === 'AddressConflict' && reason === 'ForeignStation';
