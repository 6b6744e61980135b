import { familyOf } from '../leases/exchange-plan.ts';

/** The option of `docker run` that names an address of this IP version. */
export function ipOption(ip: string): '--ip' | '--ip6' {
  return familyOf(ip) === 'ipv6' ? '--ip6' : '--ip';
}
