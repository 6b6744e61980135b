import { gatewayPrioritySince, ipv6OnlySince, isAtLeast, manyEndpointsSince } from './docker-api-version.ts';
import { endpointToWire, hasIpv4, networkToWire } from './docker-bodies.ts';
import { reference, type DockerCalls } from './docker-calls.ts';
import type {
  DockerAttachment,
  DockerNetwork,
  DockerNetworkDetail,
  DockerNetworkSpec,
} from './docker-engine.ts';
import { DockerConflict, DockerRefused, DockerUnsupported } from './docker-errors.ts';
import { networkDetailFromWire, networkFromWire } from './docker-wire.ts';
import { trueTypes } from './dockerode-types.ts';

/** See `DockerEngine.networks`. */
export async function listNetworks({ read }: DockerCalls): Promise<readonly DockerNetwork[]> {
  return await read('list networks', async (docker, abortSignal) =>
    (await docker.listNetworks({ abortSignal })).map(networkFromWire),
  );
}

/** See `DockerEngine.network`. */
export async function inspectNetwork({ read }: DockerCalls, idOrName: string): Promise<DockerNetworkDetail> {
  const operation = `inspect network ${reference(idOrName)}`;
  return networkDetailFromWire(
    await read(operation, (docker) => trueTypes(docker).getNetwork(idOrName).inspect()),
  );
}

/** See `DockerEngine.createNetwork`. */
export async function createNetwork(
  { write }: DockerCalls,
  spec: DockerNetworkSpec,
): Promise<{ readonly id: string }> {
  const operation = `create network ${spec.name}`;
  const made = await write(operation, async ({ api, requests }, abortSignal) => {
    if (!hasIpv4(spec) && !isAtLeast(api, ipv6OnlySince)) {
      throw new DockerUnsupported(operation, 'a network without IPv4 requires Docker Engine 28 or later');
    }
    return await trueTypes(requests).createNetwork({ _query: {}, _body: networkToWire(spec), abortSignal });
  });
  return { id: made.id };
}

/** See `DockerEngine.removeNetwork`. */
export async function removeNetwork({ write }: DockerCalls, idOrName: string): Promise<void> {
  const operation = `remove network ${reference(idOrName)}`;
  try {
    await write(operation, ({ requests }, abortSignal) =>
      trueTypes(requests).getNetwork(idOrName).remove({ abortSignal }),
    );
  } catch (error) {
    // 403 is Docker's status for a network with containers attached, and for one of its own.
    if (error instanceof DockerRefused && error.status === 403) {
      throw new DockerConflict(operation, error.said, error);
    }
    throw error;
  }
}

/** See `DockerEngine.connectNetwork`. */
export async function connectNetwork(
  { write }: DockerCalls,
  container: string,
  attachment: DockerAttachment,
): Promise<void> {
  const operation = `connect ${reference(container)} to ${reference(attachment.network)}`;
  await write(operation, ({ api, requests }, abortSignal) => {
    const withMac = isAtLeast(api, manyEndpointsSince);
    if (attachment.mac !== undefined && !withMac) {
      throw new DockerUnsupported(operation, 'a MAC on connect requires Docker Engine 25 or later');
    }
    return trueTypes(requests)
      .getNetwork(attachment.network)
      .connect({
        Container: container,
        EndpointConfig: endpointToWire(attachment, withMac, isAtLeast(api, gatewayPrioritySince)),
        abortSignal,
      });
  });
}

/** See `DockerEngine.disconnectNetwork`. */
export async function disconnectNetwork(
  { write }: DockerCalls,
  container: string,
  network: string,
  force: boolean,
): Promise<void> {
  const operation = `disconnect ${reference(container)} from ${reference(network)}`;
  await write(operation, ({ requests }, abortSignal) =>
    trueTypes(requests).getNetwork(network).disconnect({ Container: container, Force: force, abortSignal }),
  );
}
