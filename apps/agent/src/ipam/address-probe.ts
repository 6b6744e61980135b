/** What the wire says of an address. */
export type ProbeAnswer =
  | { readonly answer: 'clear' }
  | { readonly answer: 'taken'; readonly mac: string }
  /** Nobody could look, or nothing could be made of what was seen. */
  | { readonly answer: 'unknown'; readonly reason: string };

/** Asks the wire whether somebody has an address (RFC 5227 for IPv4, neighbour discovery for IPv6). */
export type AddressProbe = {
  /** `link`: the interface of the host that the network hangs on. Never fails but by its answer. */
  readonly probe: (
    request: { readonly link: string; readonly ip: string },
    signal: AbortSignal,
  ) => Promise<ProbeAnswer>;
};

/** For a host where nobody can look. */
export const noProbe: AddressProbe = {
  probe: () => Promise.resolve({ answer: 'unknown', reason: 'this agent has no probe' }),
};
