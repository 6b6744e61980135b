/** The IPv4 subnet that a run plays in. Arithmetic of its own: what judges the product uses nothing of it. */
export interface Pool {
  readonly cidr: string;
  readonly gateway: string;
  /** Every address that may be given out, in order. */
  readonly addresses: readonly string[];
}

const at = (offset: number): string => `10.213.${String(offset >> 8)}.${String(offset & 255)}`;

/** A subnet of 10.213.0.0 with the first address as its gateway. `prefix` is 20 to 29. */
export function poolOf(prefix: number): Pool {
  if (!Number.isInteger(prefix) || prefix < 20 || prefix > 29)
    throw new Error(`a pool of /${String(prefix)} is not possible: use 20 to 29`);
  const size = 2 ** (32 - prefix);
  return {
    cidr: `${at(0)}/${String(prefix)}`,
    gateway: at(1),
    // Without network, gateway and broadcast address.
    addresses: Array.from({ length: size - 3 }, (_, index) => at(index + 2)),
  };
}
