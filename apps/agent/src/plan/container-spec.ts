import type { DesiredContainer } from '@trunkline/contracts';
import { macFor, parseIp } from '@trunkline/netaddr';
import type { DockerContainerSpec } from '../host/docker-engine.ts';
import { containerLabel, generationLabel } from '../observation/marks.ts';

/** The Docker container to make; `joinId`: Docker's id of the container whose network stack it shares. */
export function containerSpec(container: DesiredContainer, joinId: string | null): DockerContainerSpec {
  return {
    name: container.name,
    image: container.image,
    ...(container.command === null ? {} : { command: container.command }),
    env: Object.entries(container.env).map(([name, value]) => `${name}=${value}`),
    tty: container.tty,
    stdinOpen: container.stdinOpen,
    restartPolicy: { name: container.restart, maximumRetryCount: 0 },
    labels: {
      ...container.labels,
      [containerLabel]: container.id,
      [generationLabel]: String(container.generation),
    },
    // Docker refuses a host name of one's own in a shared network stack.
    ...(joinId === null
      ? { hostname: container.hostname ?? container.name }
      : { networkMode: `container:${joinId}` }),
    attachments: container.attachments.map(({ network, address, address6, mac }, place, all) => ({
      network,
      ...(address === null ? {} : address.includes(':') ? { ipv6: address } : { ipv4: address }),
      ...(address6 === null ? {} : { ipv6: address6 }),
      ...(all.length > 1 ? { gatewayPriority: all.length - place } : {}),
      ...(mac === null ? usualMac(address ?? address6) : { mac: mac.toLowerCase().replaceAll('-', ':') }),
    })),
  };
}

/**
 * The same at every start: Engines before 25 make a new one each time for a network whose IPAM driver gets the
 * Ethernet address (libnetwork, RequiresMACAddress), later ones for any network.
 */
function usualMac(address: string | null): { readonly usualMac?: string } {
  return address === null ? {} : { usualMac: macFor(parseIp(address)) };
}
