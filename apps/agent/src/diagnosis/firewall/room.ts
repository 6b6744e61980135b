import type { Place } from '../places.ts';
import type { Passage } from './nft-rules.ts';

/** One network namespace that packets of a diagnosis pass. */
export interface Room extends Place {
  /** Interfaces on the path; null: all but lo. */
  readonly interfaces: ReadonlySet<string> | null;
  readonly passage: (family: string, hook: string) => Passage;
  /** Rules of iptables and of ebtables can matter here. */
  readonly has: { readonly iptables: boolean; readonly ebtables: boolean };
}
