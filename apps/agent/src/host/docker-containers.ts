import { gatewayPrioritySince, isAtLeast, manyEndpointsSince } from './docker-api-version.ts';
import { planContainer } from './docker-bodies.ts';
import { reference, type DockerCalls } from './docker-calls.ts';
import type {
  DockerContainer,
  DockerContainerDetail,
  DockerContainerSpec,
  DockerRestartPolicy,
} from './docker-engine.ts';
import { DockerNotFound, DockerRefused, DockerUnsupported } from './docker-errors.ts';
import { connectNetwork, listNetworks } from './docker-networks.ts';
import { containerDetailFromWire, containerFromWire } from './docker-wire.ts';
import { trueTypes } from './dockerode-types.ts';

/** See `DockerEngine.containers`. */
export async function listContainers({ read }: DockerCalls): Promise<readonly DockerContainer[]> {
  return await read('list containers', async (docker, abortSignal) =>
    (await docker.listContainers({ all: true, abortSignal })).map(containerFromWire),
  );
}

/** See `DockerEngine.container`. */
export async function inspectContainer(
  { read }: DockerCalls,
  idOrName: string,
): Promise<DockerContainerDetail> {
  const operation = `inspect container ${reference(idOrName)}`;
  return containerDetailFromWire(
    await read<unknown>(operation, (docker, abortSignal) =>
      docker.getContainer(idOrName).inspect({ abortSignal }),
    ),
  );
}

/** See `DockerEngine.createContainer`. */
export async function createContainer(
  calls: DockerCalls,
  spec: DockerContainerSpec,
): Promise<{ readonly id: string }> {
  const operation = `create container ${reference(spec.name)}`;
  if (spec.networkMode !== undefined && (spec.attachments ?? []).length > 0) {
    throw new DockerRefused(operation, 400, 'networkMode and attachments exclude each other');
  }
  await checkNetworks(calls, operation, spec);
  const made = await calls.write(operation, async ({ api, requests }, abortSignal) => {
    const plan = planContainer(spec, {
      manyEndpoints: isAtLeast(api, manyEndpointsSince),
      gatewayPriority: isAtLeast(api, gatewayPrioritySince),
    });
    if ('unsupported' in plan) throw new DockerUnsupported(operation, plan.unsupported);
    const request = { _query: { name: spec.name }, _body: plan.body, abortSignal };
    const { id } = await trueTypes(requests).createContainer(request);
    return { id, connect: plan.connect };
  });
  try {
    for (const attachment of made.connect) await connectNetwork(calls, made.id, attachment);
  } catch (error) {
    await removeContainer(calls, made.id, true).catch(() => {});
    throw error;
  }
  return { id: made.id };
}

/** Docker takes a stopped container's networks unseen (20.10.24) and fails its start later. */
async function checkNetworks(
  calls: DockerCalls,
  operation: string,
  { attachments = [] }: DockerContainerSpec,
): Promise<void> {
  const wanted = attachments.map(({ network }) => reference(network));
  if (wanted.length === 0) return;
  const present = await listNetworks(calls);
  const missing = wanted.find(
    (network) => !present.some(({ id, name }) => id === network || name === network),
  );
  if (missing !== undefined) throw new DockerNotFound(operation, `network ${missing} not found`);
}

/** See `DockerEngine.startContainer`. */
export async function startContainer({ write }: DockerCalls, idOrName: string): Promise<void> {
  const operation = `start container ${reference(idOrName)}`;
  await unlessAlreadySo(
    write(operation, ({ requests }, abortSignal) => requests.getContainer(idOrName).start({ abortSignal })),
  );
}

/** See `DockerEngine.stopContainer`. */
export async function stopContainer(
  { write }: DockerCalls,
  idOrName: string,
  timeoutSeconds: number,
): Promise<void> {
  const operation = `stop container ${reference(idOrName)}`;
  await unlessAlreadySo(
    write(
      operation,
      ({ patient }, abortSignal) => patient.getContainer(idOrName).stop({ t: timeoutSeconds, abortSignal }),
      timeoutSeconds * 1000,
    ),
  );
}

/** See `DockerEngine.restartContainer`. */
export async function restartContainer(
  { write }: DockerCalls,
  idOrName: string,
  timeoutSeconds: number,
): Promise<void> {
  await write(
    `restart container ${reference(idOrName)}`,
    ({ patient }, abortSignal) => patient.getContainer(idOrName).restart({ t: timeoutSeconds, abortSignal }),
    timeoutSeconds * 1000,
  );
}

/** See `DockerEngine.setRestartPolicy`. */
export async function setRestartPolicy(
  { write }: DockerCalls,
  idOrName: string,
  { name, maximumRetryCount }: DockerRestartPolicy,
): Promise<void> {
  await write(`update container ${reference(idOrName)}`, ({ requests }, abortSignal) =>
    requests
      .getContainer(idOrName)
      .update({ RestartPolicy: { Name: name, MaximumRetryCount: maximumRetryCount }, abortSignal }),
  );
}

/** See `DockerEngine.removeContainer`. */
export async function removeContainer(
  { write }: DockerCalls,
  idOrName: string,
  force: boolean,
): Promise<void> {
  await write(`remove container ${reference(idOrName)}`, ({ requests }, abortSignal) =>
    requests.getContainer(idOrName).remove({ force, v: true, abortSignal }),
  );
}

/** 304: it runs, or is stopped, already. */
async function unlessAlreadySo(answer: Promise<unknown>): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof DockerRefused && error.status === 304)) throw error;
  }
}
