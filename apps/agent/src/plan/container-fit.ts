import type { DesiredContainer } from '@trunkline/contracts';
import type { DockerContainer, DockerEndpoint } from '../host/docker-engine.ts';
import { plainIp } from '../observation/marks.ts';

/** In what a running container differs from the addresses reserved for it; empty when it is on exactly those. */
export function addressMismatches(container: DesiredContainer, running: DockerContainer): string[] {
  // A shared stack's addresses are those of the container it belongs to.
  if (container.networkMode !== null) return [];
  const found: string[] = [];
  for (const wanted of container.attachments) {
    const endpoint = running.endpoints.find(({ networkName }) => networkName === wanted.network);
    if (endpoint === undefined) {
      found.push(`it is not on network ${wanted.network}`);
      continue;
    }
    for (const address of [wanted.address, wanted.address6]) {
      if (address === null) continue;
      const is = address.includes(':') ? endpoint.ipv6 : endpoint.ipv4;
      if (is === null || plainIp(is) !== plainIp(address)) {
        found.push(`on ${wanted.network} it has ${is ?? 'no such address'}, not the reserved ${address}`);
      }
    }
    const mac = wanted.mac?.toLowerCase().replaceAll('-', ':');
    if (mac !== undefined && endpoint.mac !== mac) {
      found.push(`on ${wanted.network} its MAC is ${endpoint.mac ?? 'not known'}, not the requested ${mac}`);
    }
  }
  const wanted = new Set(container.attachments.map(({ network }) => network));
  for (const { networkName } of running.endpoints) {
    if (!wanted.has(networkName) && networkName !== 'none') {
      found.push(`it is also on network ${networkName}, which is not its own`);
    }
  }
  return found;
}

/** Whether a container has, or asks for at its next start, an address reserved for another. */
export function holdsAddressOf(container: DesiredContainer, other: DockerContainer): boolean {
  const reserved = new Set(
    container.attachments
      .flatMap(({ address, address6 }) => [address, address6])
      .map((one) => one && plainIp(one)),
  );
  reserved.delete(null);
  return other.endpoints.some((endpoint) =>
    held(endpoint).some((one) => one !== null && reserved.has(plainIp(one))),
  );
}

function held({ ipv4, ipv6, requestedIpv4, requestedIpv6 }: DockerEndpoint): (string | null)[] {
  return [ipv4, ipv6, requestedIpv4, requestedIpv6];
}
