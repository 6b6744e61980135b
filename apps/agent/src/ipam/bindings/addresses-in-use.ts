import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { isCoordinated } from '../../observation/network-fit.ts';
import type { ObservedDocker } from '../../observation/observed.ts';
import type { NetworkResolver } from '../../observation/stands-for.ts';

/** An address that a running container has on a network of ours, and the MAC that it has it with. */
export interface AddressInUse {
  readonly networkId: string;
  readonly ip: string;
  /** Name of the container. */
  readonly container: string;
  readonly mac: string;
}

/** What running containers have, where Docker shows the MAC as well. Pure. */
export function addressesInUse(
  docker: Pick<ObservedDocker, 'networks' | 'containers'>,
  standsFor: NetworkResolver,
): readonly AddressInUse[] {
  const ours = new Map(
    docker.networks.filter(isCoordinated).map((network) => [network.id, standsFor(network).ids]),
  );
  return docker.containers
    .filter(({ status }) => status === 'running')
    .flatMap(({ name, endpoints }) =>
      endpoints.flatMap(({ networkId, ipv4, ipv6, mac }) => {
        // Of one that may be of several networks nobody knows on which wire a foreign station would be.
        const [own, ...others] = ours.get(networkId) ?? [];
        if (own === undefined || others.length > 0 || mac === null) return [];
        return [ipv4, ipv6].flatMap((text) => {
          const ip = text === null ? undefined : tryParseIp(text.split('/')[0] ?? '');
          if (ip === undefined) return [];
          return [{ networkId: own, ip: formatIp(ip), container: name, mac: mac.toLowerCase() }];
        });
      }),
    );
}
