/*
 * What the driver answers for the gateway of a network that has none (docs/decisions/0032-a-network-without-a-gateway-spends-no-address.md).
 * Docker Engine before 29 asks for one, and routes the containers over it. An address of the subnet would be missing
 * there, might be somebody's, and might become the router's.
 *
 * The kernel takes both for a next hop, and no packet reaches the wire: 127.0.0.1 is the container itself
 * (net/ipv4/fib_semantics.c, fib_check_nh_v4_gw), and nobody has the link-local address. IPv6 takes no address of the
 * container itself (net/ipv6/route.c, ip6_validate_gw). Docker compares neither with the subnet (moby, libnetwork/network.go).
 */

/** Per IP version: the address, and the address with its mask. */
export const noGateway = {
  ipv4: { ip: '127.0.0.1', cidr: '127.0.0.1/8' },
  ipv6: { ip: 'fe80::7472:756e:6b6c:696e', cidr: 'fe80::7472:756e:6b6c:696e/64' },
} as const;

/** Whether an address, in canonical form, stands for a gateway that is not there. */
export function isNoGateway(ip: string): boolean {
  return ip === noGateway.ipv4.ip || ip === noGateway.ipv6.ip;
}
