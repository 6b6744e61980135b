import { tryParseIp } from '@trunkline/netaddr';
import { createLinks } from '../host/ip-links.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import { plainIp } from '../observation/marks.ts';
import { isInSubnetOf, placesOf } from './container-place.ts';
import type { Scene } from './scene.ts';

/** An address of a network that somebody gave a container inside, besides those that Docker has for it. */
export interface ExtraAddress {
  readonly container: string;
  readonly network: string;
  /** The interface of this host that the network is on. */
  readonly link: string;
  /** The interface inside that has it. */
  readonly interface: string;
  readonly ip: string;
  readonly prefixLength: number;
  /** The container's own on that network. */
  readonly mac: string;
}

/**
 * Looks into the containers of the diagnosis for such addresses. By itself one is no fault: a virtual address that moves between containers is made like
 * that. One that has ended has none.
 */
export async function extraAddresses(scene: Scene): Promise<readonly ExtraAddress[]> {
  const { containers, networks, observed, run } = scene;
  const docker = observed.docker.reachable ? observed.docker.networks : [];
  const found = await Promise.all(
    containers.map(async ({ name, detail }) => {
      if (detail?.pid == null) return [];
      const places = placesOf(detail, networks, docker);
      if (places.length === 0) return [];
      const own = new Set(
        detail.endpoints.flatMap(({ ipv4, ipv6 }) =>
          [ipv4, ipv6].flatMap((ip) => (ip === null ? [] : [plainIp(ip)])),
        ),
      );
      const links = await createLinks(inContainerNetwork(run, detail.pid))
        .list()
        .catch(() => []);
      return places.flatMap((place): ExtraAddress[] => {
        const { network, endpoint } = place;
        const link = networks.find((one) => one.network === network)?.linkName ?? null;
        if (network === null || link === null || endpoint.mac === null || network.mode === 'passthru')
          return [];
        const { mac } = endpoint;
        return links.flatMap((inside) =>
          inside.addresses.flatMap(({ address, prefixLength, scope, passing }): ExtraAddress[] => {
            const ip = tryParseIp(address);
            const isExtra = scope === 'global' && passing !== true && !own.has(plainIp(address));
            if (ip === undefined || !isExtra || !isInSubnetOf(place, ip)) return [];
            const at = { container: name, network: network.name, link, mac };
            return [{ ...at, interface: inside.name, ip: plainIp(address), prefixLength }];
          }),
        );
      });
    }),
  );
  return found.flat();
}
