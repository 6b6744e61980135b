import type { DesiredContainer, DesiredNetwork } from '@trunkline/contracts';
import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { holds, mending, type ConditionDraft } from './conditions.ts';
import type { ObservedDocker } from '../observation/observed.ts';
import type { Step } from './steps.ts';

/** What is to be done for the default routes inside a container. */
export interface DefaultRoutePlan {
  readonly steps: readonly Step[];
  /** Null where there is nothing to report: it is on one network, or nobody could look. */
  readonly condition: ConditionDraft | null;
}

type Family = 4 | 6;
interface Wanted {
  readonly network: string;
  readonly gateway: string;
}

/**
 * The default route of a running container goes to the gateway of its first attachment that has one. Engines before 28
 * take the network whose name comes first, and nothing in their API changes that (libnetwork, `Endpoint.Less`).
 *
 * Only a route to the gateway of another of its own attachments is replaced: a route that the container made itself, into a
 * tunnel for instance, is its own. Pure. `networkOf`: the document's network of an id.
 */
export function planDefaultRoute(
  container: DesiredContainer,
  docker: ObservedDocker,
  own: DockerContainerDetail,
  networkOf: (id: string) => DesiredNetwork | undefined,
): DefaultRoutePlan {
  const routes = docker.routes.get(own.id);
  if (container.attachments.length < 2 || routes === undefined) return { steps: [], condition: null };
  const steps = ([4, 6] as const).flatMap((family): Step[] => {
    const [wanted, ...others] = gatewaysOf(container, own, family, networkOf);
    const is = routes.find((route) => route.family === family);
    const present = is === undefined ? null : canonical(is.gateway);
    if (wanted === undefined || !others.some(({ gateway }) => gateway === present)) return [];
    if (present === wanted.gateway) return [];
    return [{ do: 'set-default-route', dockerId: own.id, name: own.name, family, ...wanted }];
  });
  const names = steps.flatMap((step) => (step.do === 'set-default-route' ? [step.network] : []));
  if (names.length > 0) {
    const message = `the default route uses another network than the first one, ${names[0]}; it is being moved there`;
    return { steps, condition: mending('DefaultRoute', 'RouteOfAnother', message) };
  }
  return {
    steps,
    condition: holds('DefaultRoute', 'RouteAsAttached', 'the default route uses its first network'),
  };
}

/** The gateways that the container can have, in the order of its attachments. */
function gatewaysOf(
  container: DesiredContainer,
  own: DockerContainerDetail,
  family: Family,
  networkOf: (id: string) => DesiredNetwork | undefined,
): readonly Wanted[] {
  return container.attachments.flatMap(({ networkId, network: name }) => {
    const network = networkOf(networkId);
    const endpoint = own.endpoints.find(({ networkName }) => networkName === name);
    const has = family === 4 ? endpoint?.ipv4 : endpoint?.ipv6;
    if (network === undefined || network.internal || (has ?? null) === null) return [];
    const gateways = network.subnets.flatMap(({ gateway }) => {
      const ip = gateway === null ? undefined : tryParseIp(gateway);
      return ip?.family === family ? [formatIp(ip)] : [];
    });
    return gateways.slice(0, 1).map((gateway) => ({ network: name, gateway }));
  });
}

function canonical(text: string): string | null {
  const ip = tryParseIp(text);
  return ip === undefined ? null : formatIp(ip);
}
