import type { Cidr } from './cidr.ts';

/** A text that is not the address, subnet, range or MAC it should be. */
export class InvalidAddress extends Error {
  override readonly name: string = 'InvalidAddress';
  /** The text as it was given, cut after 64 characters. */
  readonly given: string;
  /** Why it was refused, as a clause: "the prefix is missing". */
  readonly reason: string;

  constructor(given: string, reason: string) {
    const cut = given.length > 64 ? `${given.slice(0, 64)}…` : given;
    super(`${JSON.stringify(cut)} is not valid: ${reason}`);
    this.given = cut;
    this.reason = reason;
  }
}

/** A subnet whose address has bits beyond its prefix, such as 10.0.0.5/24. `network` is what was probably meant. */
export class HostBitsSet extends InvalidAddress {
  override readonly name = 'HostBitsSet';
  /** The subnet of the same prefix that holds the given address: 10.0.0.0/24. */
  readonly network: Cidr;

  constructor(given: string, network: Cidr, networkText: string) {
    super(given, `the address has bits beyond the prefix; the network is ${networkText}`);
    this.network = network;
  }
}

/** Arithmetic that leaves the address space: before 0.0.0.0 or after ffff:…:ffff. */
export class AddressOverflow extends Error {
  override readonly name = 'AddressOverflow';
}
