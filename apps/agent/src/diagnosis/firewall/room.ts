import type { RunCommand } from '../../host/command.ts';
import type { Passage } from './nft-rules.ts';

/** One network namespace that packets of a diagnosis pass. */
export interface Room {
  /** What follows a sentence to say where it is: `` for the host, ` inside container box1`. */
  readonly place: string;
  /** Runs a program in it. */
  readonly run: RunCommand;
  /** What stands before a command to run it there by hand: `` or `nsenter -t 42 -n `. */
  readonly prefix: string;
  /** Its /proc/net. */
  readonly procNet: string;
  /** Interfaces on the path; null: all but lo. */
  readonly interfaces: ReadonlySet<string> | null;
  readonly passage: (family: string, hook: string) => Passage;
  /** Rules of iptables and of ebtables can matter here. */
  readonly has: { readonly iptables: boolean; readonly ebtables: boolean };
}
