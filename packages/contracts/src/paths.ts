/** Paths of the API's resources: what the server names in answers and events, and what the client requests. */

/** Any text as one segment. A colon may stand in one (RFC 3986 section 3.3), so that IPv6 addresses stay readable. */
const segment = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');

export const hostPath = (name: string): string => `/v1/hosts/${segment(name)}`;
export const networkPath = (name: string): string => `/v1/networks/${segment(name)}`;
export const placementsPath = (network: string): string => `${networkPath(network)}/placements`;
export const placementPath = (network: string, host: string): string =>
  `${placementsPath(network)}/${segment(host)}`;
/** Free ranges of a network. */
export const freePath = (network: string): string => `${networkPath(network)}/free`;
/** What a network costs on the LAN, and how much of it is left. */
export const limitsPath = (network: string): string => `${networkPath(network)}/limits`;
export const addressesPath = (network: string): string => `${networkPath(network)}/addresses`;
export const addressPath = (network: string, ip: string): string =>
  `${addressesPath(network)}/${segment(ip)}`;
/** The address that an owner has on a network. */
export const ownerPath = (network: string, owner: string): string =>
  `${addressesPath(network)}/by-owner/${segment(owner)}`;
export const containerPath = (name: string): string => `/v1/containers/${segment(name)}`;
export const checkPath = (id: string): string => `/v1/checks/${segment(id)}`;
export const tokenPath = (id: string): string => `/v1/tokens/${segment(id)}`;
export const joinTokenPath = (id: string): string => `/v1/join-tokens/${segment(id)}`;
export const webhookPath = (name: string): string => `/v1/webhooks/${segment(name)}`;
/** Ends the wait of a recovery for a host that does not answer. */
export const recoveryReleasePath = (host: string): string => `/v1/recovery/hosts/${segment(host)}/release`;
/** Where an agent reports the result of a check. */
export const agentCheckPath = (id: string): string => `/agent/v1/checks/${segment(id)}`;
