import { formatIp, tryParseIp } from '@trunkline/netaddr';
import { ipamNetworkOption } from '../reconcile/marks.ts';
import { isCoordinated } from '../reconcile/network-fit.ts';
import type { ObservedDocker } from '../reconcile/observe.ts';

/** An address that a running container has on a network of ours, and the MAC that it has it with. */
export type AddressInUse = {
  readonly networkId: string;
  readonly ip: string;
  /** Name of the container. */
  readonly container: string;
  readonly mac: string;
};

/** What running containers have, as far as Docker says with which MAC. Pure. */
export function addressesInUse(
  docker: Pick<ObservedDocker, 'networks' | 'containers'>,
  idOf: (named: string) => string,
): readonly AddressInUse[] {
  const ours = new Map(
    docker.networks
      .filter(isCoordinated)
      .map(({ id, ipamOptions }) => [id, idOf(ipamOptions[ipamNetworkOption] ?? '')]),
  );
  return docker.containers
    .filter(({ status }) => status === 'running')
    .flatMap(({ name, endpoints }) =>
      endpoints.flatMap(({ networkId, ipv4, ipv6, mac }) => {
        const own = ours.get(networkId);
        if (own === undefined || mac === null) return [];
        return [ipv4, ipv6].flatMap((text) => {
          const ip = text === null ? undefined : tryParseIp(text.split('/')[0] ?? '');
          if (ip === undefined) return [];
          return [{ networkId: own, ip: formatIp(ip), container: name, mac: mac.toLowerCase() }];
        });
      }),
    );
}
