import { formatIp, tryParseIp } from '@trunkline/netaddr';
import type { Logger } from 'pino';
import type { ContainerRoute } from '../../host/container-routes.ts';
import type {
  DockerContainer,
  DockerContainerDetail,
  DockerEngine,
  DockerNetwork,
} from '../../host/docker-engine.ts';
import { isCoordinated } from '../../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../../observation/observed.ts';
import { createSlots } from '../../lib/slots.ts';
import { isNoGateway } from '../../observation/no-gateway.ts';

/** What default routes are removed with. */
export interface NoGatewayRoutesDeps {
  readonly docker: Pick<DockerEngine, 'container'>;
  /** Default routes in the network namespace of a process; null when it is gone. */
  readonly routesOf: (pid: number) => Promise<readonly ContainerRoute[] | null>;
  /** Takes a default route away there. Fails when the process is gone. */
  readonly removeRoute: (pid: number, route: ContainerRoute) => Promise<void>;
  /** Makes a gateway the default route there. Fails when the process is gone. */
  readonly addRoute: (pid: number, family: 4 | 6, gateway: string) => Promise<void>;
  readonly log: Logger;
}

/** Takes away what Docker made of the gateway that a network does not have (no-gateway.ts). */
export interface NoGatewayRoutes {
  /** A look came to an end. Returns at once. */
  readonly onObservation: (observed: Pick<Observed, 'docker'>) => void;
  /** Looks into no more containers. */
  readonly close: () => void;
}

/** Containers that are looked into at once. */
const atOnce = 8;

/** A default route to take away, and the gateway that takes its place; null: none. */
export interface RouteChange {
  readonly stale: ContainerRoute;
  readonly gateway: string | null;
}

/**
 * Looks once at each container after each change of its networks, where one of them has no gateway. The container has the
 * route for the moment between its start and that look: packets over it reach nobody.
 */
export function createNoGatewayRoutes(deps: NoGatewayRoutesDeps): NoGatewayRoutes {
  const slot = createSlots(atOnce);
  /** The endpoints that a container had when it was last looked at, by its id. */
  const done = new Map<string, string>();
  let closed = false;

  async function clean(container: DockerContainer, networks: readonly DockerNetwork[]): Promise<void> {
    try {
      await slot(async () => {
        const own = closed ? null : await deps.docker.container(container.id);
        if (own === null || own.pid === null) return;
        for (const { stale, gateway } of routeChanges(own, (await deps.routesOf(own.pid)) ?? [], networks)) {
          await deps.removeRoute(own.pid, stale);
          if (gateway !== null) await deps.addRoute(own.pid, stale.family, gateway);
          deps.log.debug(
            { container: own.name, family: stale.family, gateway },
            'route over the stand-in for a gateway removed',
          );
        }
      });
    } catch (error) {
      // It ended meanwhile, or has it until its next start; nothing is reached over it.
      deps.log.info(
        { err: error, container: container.name },
        'route over the stand-in for a gateway could not be removed',
      );
    }
  }

  return {
    onObservation: ({ docker }) => {
      if (!docker.reachable || closed) return;
      const there = new Map(concerned(docker).map((one) => [one.id, one]));
      for (const id of done.keys()) if (!there.has(id)) done.delete(id);
      for (const [id, one] of there) {
        const endpoints = one.endpoints.map(({ endpointId }) => endpointId ?? '').join(' ');
        if (done.get(id) === endpoints) continue;
        done.set(id, endpoints);
        void clean(one, docker.networks);
      }
    },
    close: () => {
      closed = true;
    },
  };
}

/** Running containers on a network of our driver with a subnet whose gateway is not there, or that Docker does not show. */
function concerned({ networks, containers }: ObservedDocker): readonly DockerContainer[] {
  const without = new Set(
    networks
      .filter(isCoordinated)
      .filter(({ subnets }) =>
        subnets.some(({ gateway }) => gateway === null || isNoGateway(canonical(gateway))),
      )
      .map(({ id }) => id),
  );
  return containers.filter(
    ({ status, endpoints }) =>
      status === 'running' && endpoints.some(({ networkId }) => without.has(networkId)),
  );
}

/**
 * What is to become of a container's default routes. One over no gateway goes; the next of its networks that has a gateway
 * takes its place, by name as Docker before 28 takes them. Any other route was made by somebody else and stays. Pure.
 */
function routeChanges(
  { endpoints }: Pick<DockerContainerDetail, 'endpoints'>,
  routes: readonly ContainerRoute[],
  networks: readonly DockerNetwork[],
): readonly RouteChange[] {
  return routes
    .map((route) => ({ ...route, gateway: canonical(route.gateway) }))
    .filter(({ gateway }) => isNoGateway(gateway))
    .map((stale) => {
      const next = networks
        .filter(({ id, internal }) => !internal && endpoints.some(({ networkId }) => networkId === id))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap(({ subnets }) => subnets)
        .map(({ gateway }) => canonical(gateway ?? ''))
        .find((one) => tryParseIp(one)?.family === stale.family && !isNoGateway(one));
      return { stale, gateway: next ?? null };
    });
}

function canonical(text: string): string {
  const ip = tryParseIp(text);
  return ip === undefined ? text : formatIp(ip);
}
