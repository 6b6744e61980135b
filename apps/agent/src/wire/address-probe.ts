/** What a probe found out about an address. */
export type ProbeAnswer =
  | { readonly answer: 'clear' }
  | { readonly answer: 'taken'; readonly mac: string }
  /** The wire could not be asked, or the answer could not be read. */
  | { readonly answer: 'unknown'; readonly reason: string };

/** One probe. */
export interface ProbeRequest {
  /** The interface of the host that the network hangs on. */
  readonly link: string;
  readonly ip: string;
  /** MACs in lower case whose answers do not count, such as the container's own. Default: none. */
  readonly known?: readonly string[];
}

/** Asks the wire who has an address. Never fails: see `unknown`. */
export type Ask = (request: ProbeRequest, signal: AbortSignal) => Promise<ProbeAnswer>;

/** Asks the wire whether somebody has an address (RFC 5227 for IPv4, neighbour discovery for IPv6). */
export interface AddressProbe {
  /** As RFC 5227 has it, 4 to 6 seconds: before an address enters a warm pool. */
  readonly probe: Ask;
  /** Within a third of a second: while a container waits for the address, or somebody for the answer ("is it silent now?"). */
  readonly ask: Ask;
  /** Once, and a second for answers, with all that is asked for at that time: an address that is in use. */
  readonly recheck: Ask;
  /** Removes all that the agent has on an interface, which one container is about to get for itself. */
  readonly letGo: (link: string) => void;
}

const unable: Ask = () => Promise.resolve({ answer: 'unknown', reason: 'this agent has no probe' });

/** A probe for a host where the wire cannot be asked. */
export const noProbe: AddressProbe = { probe: unable, ask: unable, recheck: unable, letGo: () => {} };
