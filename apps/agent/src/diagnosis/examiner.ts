import type { DiagnosisArea, HostFinding, Ping, WireTaskResult } from '@trunkline/contracts';
import type { Scene } from './scene.ts';

/** Echo requests from inside a container. */
export interface TriedPing {
  readonly from: string;
  readonly to: string;
  readonly ping: Ping;
  /**
   * Size of the largest IP packet that was answered without being fragmented, against the MTU of the network's interface, both in
   * bytes; null: not tried, since nothing was answered or the interface is not known.
   */
  readonly size: { readonly passed: number; readonly mtu: number } | null;
}

/** Whether some of the requests were not answered. */
export const isLossy = ({ ping }: Pick<TriedPing, 'ping'>): boolean =>
  ping.sent === 0 || ping.received < ping.sent;

/** Whether only small packets were answered. */
export const isCut = ({ size }: Pick<TriedPing, 'size'>): boolean => size !== null && size.passed < size.mtu;

/** What was sent while the examiners waited, and what became of it. */
export interface Traffic {
  readonly pings: readonly TriedPing[];
  /** Echo requests that the host itself sent to its containers, of networks with host access. */
  readonly hostPings: readonly { readonly container: string; readonly ping: Ping }[];
  /** Why the probe of the wire was not there; null also where there was to be none. */
  readonly wire: WireTaskResult | { readonly failed: string } | null;
  /** Something that was to arrive did not. */
  readonly isLost: boolean;
}

/** What an examiner found in its area. */
export interface Examined {
  readonly findings: readonly HostFinding[];
  /** What it looked at, in a clause: `48 rules of nftables; none dropped a packet`. */
  readonly detail: string;
}

/**
 * Looks at one area of a host, before and after the traffic of a diagnosis. It changes nothing. What it finds rests on evidence; it
 * throws where it could not look, with the reason as the message.
 */
export interface Examiner {
  readonly area: DiagnosisArea;
  /** Looks before the traffic; what it answers is called after it. */
  readonly begin: (scene: Scene) => Promise<(traffic: Traffic) => Promise<Examined> | Examined>;
}

/** A finding, cut to the bounds of its schema. */
export const finding = (found: HostFinding): HostFinding => ({
  code: found.code,
  subject: found.subject.slice(0, 512),
  message: found.message.slice(0, 4096),
  evidence: found.evidence.slice(0, 32).map((line) => line.slice(0, 2048)),
  remedy: found.remedy.slice(0, 4096),
  ...(found.mac === undefined ? {} : { mac: found.mac }),
});
