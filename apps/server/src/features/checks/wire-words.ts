import type { WireTaskResult, WireVerdict, WireVerdictCode } from '@trunkline/contracts';
import type { PlannedStation } from './wire-plan.ts';

/** A host that took part. */
export interface Member extends PlannedStation {
  index: number;
  result: WireTaskResult;
}

/** A verdict, cut to the bounds of its schema. */
export const verdict = (
  code: WireVerdictCode,
  hosts: string[],
  message: string,
  remedy: string,
): WireVerdict => ({
  code,
  hosts,
  message: message.slice(0, 4096),
  remedy: remedy.slice(0, 4096),
});

/** What a network is called on the wire. */
export const nameOf = (vlan: number | null): string =>
  vlan === null ? 'the untagged network' : `VLAN ${vlan}`;
