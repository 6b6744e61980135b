import {
  cidrContains,
  cidrsOverlap,
  familyBits,
  networkAddress,
  parseCidr,
  type Cidr,
  type Family,
  type Ip,
} from '@trunkline/netaddr';

/** A name below in-addr.arpa or ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5), read from its end. */
export interface ReverseName {
  /** All addresses that the name is about: one for a whole name, a block for a shorter one. */
  readonly cidr: Cidr;
  /** Labels in front of those that are about addresses. */
  readonly rest: number;
}

/** How a family writes its addresses: so many bits a label, to this base. */
const forms = {
  4: { suffix: 'in-addr.arpa', bits: 8, base: 10, label: /^(0|[1-9]\d{0,2})$/ },
  6: { suffix: 'ip6.arpa', bits: 4, base: 16, label: /^[0-9a-f]$/ },
} as const satisfies Record<Family, unknown>;

const families = [4, 6] as const;

/** Reads a name in lower case; null for one that is no reverse name, and for what is above all addresses. Pure. */
export function reverseNameOf(name: string): ReverseName | null {
  const family = families.find((one) => name.endsWith(`.${forms[one].suffix}`));
  if (family === undefined) return null;
  const { suffix, bits, base, label: form } = forms[family];
  const labels = name
    .slice(0, -suffix.length - 1)
    .split('.')
    .toReversed();
  let value = 0n;
  let prefix = 0;
  for (const label of labels.slice(0, familyBits(family) / bits)) {
    const part = form.test(label) ? Number.parseInt(label, base) : Number.NaN;
    if (!(part < 2 ** bits)) break;
    value = (value << BigInt(bits)) | BigInt(part);
    prefix += bits;
  }
  if (prefix === 0) return null;
  const lowest = value << BigInt(familyBits(family) - prefix);
  return { cidr: { family, base: lowest, prefix }, rest: labels.length - prefix / bits };
}

/** The reverse name of an address, or of the block of its first so many bits. Pure. */
export function reverseName({ family, value }: Ip, prefix: number = familyBits(family)): string {
  const { suffix, bits, base } = forms[family];
  const hex = value.toString(16).padStart(familyBits(family) / 4, '0');
  const digits = bits / 4;
  const labels: string[] = [suffix];
  for (let at = 0; at < prefix / 4; at += digits)
    labels.push(Number.parseInt(hex.slice(at, at + digits), 16).toString(base));
  return labels.toReversed().join('.');
}

/**
 * The reverse zone that answers for a name: the blocks of a subnet that end at a label. A subnet that is smaller than the last
 * label shares the block with others: of that zone only its own addresses and the apex are answered for. Null: none of these subnets
 * has the name. Pure.
 */
export function reverseZoneOf(
  { cidr, rest }: ReverseName,
  subnets: readonly Cidr[],
): { readonly apex: string; readonly subnet: Cidr } | null {
  for (const subnet of subnets) {
    const prefix = apexPrefix(subnet);
    const isInside = cidr.prefix >= subnet.prefix && cidrContains(subnet, networkAddress(cidr));
    const isApex = rest === 0 && cidr.prefix === prefix && cidrsOverlap(cidr, subnet);
    if (isInside || isApex) return { apex: reverseName(networkAddress(cidr), prefix), subnet };
  }
  return null;
}

function apexPrefix({ family, prefix }: Cidr): number {
  const { bits } = forms[family];
  return Math.min(Math.max(1, Math.ceil(prefix / bits)) * bits, familyBits(family) - bits);
}

/** CIDRs that can be read; what is none came from no server of ours, and is left out. Pure. */
export function cidrsOf(texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => {
    try {
      return [parseCidr(text)];
    } catch {
      return [];
    }
  });
}
