import { isGood, type Condition, type DiagnosisCode, type DiagnosisFinding } from '@trunkline/contracts';
import type { ReportedConditions } from './diagnoses.store.ts';
import { findingOf } from './diagnosis-words.ts';

/** Which finding a reason stands for, whatever condition has it. */
const byReason: Readonly<Record<string, DiagnosisCode>> = {
  DockerUnreachable: 'docker-silent',
  ParentMissing: 'parent-missing',
  NoDefaultRoute: 'parent-missing',
  ParentDown: 'parent-down',
  ParentUpFailed: 'parent-down',
  LinkDown: 'parent-down',
  LinkUpFailed: 'parent-down',
  ParentNoCarrier: 'no-carrier',
  ParentUnusable: 'parent-enslaved',
  LinkConflict: 'vlan-differs',
  PromiscuousOff: 'promiscuous-off',
  PromiscuousFailed: 'promiscuous-off',
  SubnetRoutedElsewhere: 'subnet-routed-elsewhere',
  Missing: 'docker-network-missing',
  LostByDocker: 'docker-lost-containers',
  EndpointsMiscounted: 'docker-lost-containers',
  AdoptedDiffers: 'docker-network-differs',
  NameTaken: 'docker-network-differs',
  ReplaceBlocked: 'docker-network-differs',
  AddressTakenAway: 'address-unbooked',
  AddressHeldElsewhere: 'address-unbooked',
  AddressReserved: 'address-unbooked',
  AddressIsGateway: 'address-unbooked',
  AddressNotHeld: 'address-unbooked',
  AddressMismatch: 'address-unbooked',
  AddressRevoked: 'address-unbooked',
  AddressConflicted: 'address-foreign',
  ForeignStation: 'address-foreign',
  MacInUse: 'address-on-two',
  InterfaceLost: 'interface-gone',
  RouteOfAnother: 'default-route-elsewhere',
  RouteRefused: 'default-route-elsewhere',
};

/** The same words mean something else of a container. */
const byReasonOfContainer: Readonly<Record<string, DiagnosisCode>> = {
  Missing: 'container-missing',
  NameTaken: 'container-missing',
  CreateFailed: 'container-missing',
  Exited: 'container-stopped',
  Paused: 'container-stopped',
  Restarting: 'container-stopped',
  Dead: 'container-stopped',
  StartFailed: 'container-stopped',
  TargetNotRunning: 'container-stopped',
};

/** Of what nobody knows nothing is found. */
const isBad = (condition: Condition): boolean => condition.status !== 'Unknown' && !isGood(condition);

/** What conditions say is wrong. `Ready` repeats another one, unless it stands alone. Pure. */
export function conditionFindings({ host, subject, conditions }: ReportedConditions): DiagnosisFinding[] {
  const bad = conditions.filter(isBad);
  const ready = bad.find(({ type }) => type === 'Ready');
  const known = bad.filter(({ type, reason }) => type !== 'Ready' && codeOf(reason, subject) !== undefined);
  const those = [
    ...known,
    ...(ready === undefined || known.some(({ reason }) => reason === ready.reason) ? [] : [ready]),
  ];
  return those.map((condition) =>
    findingOf(codeOf(condition.reason, subject) ?? 'not-as-wanted', {
      host,
      subject: subject ?? `host ${host}`,
      message: `${subject ?? 'the host'} on ${host}: ${condition.message}`,
      evidence: [
        `condition ${condition.type} is ${condition.status} (${condition.reason}) since ${condition.lastTransitionTime}`,
      ],
    }),
  );
}

function codeOf(reason: string, subject: string | null): DiagnosisCode | undefined {
  const ofContainer = subject?.startsWith('container ') === true ? byReasonOfContainer[reason] : undefined;
  return ofContainer ?? byReason[reason];
}
