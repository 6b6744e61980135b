import type { DiagnosisTask } from '@trunkline/contracts';
import type { WirePlan } from './wire-plan.ts';

/** What a diagnosis was asked about; all but one of them are null, or `from` and `to` are not. */
export interface DiagnosisTarget {
  network: string | null;
  host: string | null;
  container: string | null;
  from: string | null;
  to: string | null;
}

/** A host that a diagnosis looks at. */
export interface PlannedHost {
  id: string;
  name: string;
  /** It is asked about. Of others only the wire counts: they are the far end of the probes. */
  isAsked: boolean;
  /** Containers of it that are looked into. */
  containers: string[];
  /** Those of them that nobody asked about: they only stand for the network or the host, or try others. */
  trying: string[];
}

/** A diagnosis as it was planned. */
export interface DiagnosisPlan {
  target: DiagnosisTarget;
  networks: { id: string; name: string; mtu: number | null }[];
  hosts: PlannedHost[];
  /** Hosts that the server does not hear, with why. */
  left: { host: string; why: string }[];
  /** Addresses that did not fit the book when it was planned, each as `KIND IP CONTAINER`: what is gone by the end was on its way. */
  odd: string[];
  pings: { hostId: string; from: string; to: string; address: string }[];
  /** Null: no probe is put anywhere. */
  wire: WirePlan | null;
  timeoutSeconds: number;
}

/** How long probes of a diagnosis wait for each other, in seconds: the whole of it takes less than 10. */
export const probeSeconds = 4;

/** What one host is asked to do, but for its probe. Pure. */
export function hostTask(plan: DiagnosisPlan, host: PlannedHost): Omit<DiagnosisTask, 'wire'> {
  return {
    networkIds: host.isAsked ? plan.networks.map(({ id }) => id).slice(0, 64) : [],
    containers: host.containers.slice(0, 64),
    pings: plan.pings
      .filter(({ hostId }) => hostId === host.id)
      .map(({ from, to, address }) => ({ from, to, address }))
      .slice(0, 64),
  };
}

/** What was asked about, in words. */
export function targetWords({ network, host, container, from, to }: DiagnosisTarget): string {
  if (from !== null && to !== null) return `the way from ${from} to ${to}`;
  return network ?? host ?? container ?? '';
}
