import type { HostFinding } from '@trunkline/contracts';
import type { DockerContainer, DockerContainerDetail } from '../host/docker-engine.ts';
import { hasInterface } from './container-place.ts';
import type { SceneNetwork } from './scene.ts';

/** Docker has no such container. */
export function missing(name: string, containers: readonly DockerContainer[]): HostFinding {
  const names = containers.map((one) => one.name).toSorted();
  return {
    code: 'container-missing',
    subject: `container ${name}`,
    message: `Docker on this host has no container ${name}`,
    evidence: [`docker ps --all: ${names.slice(0, 50).join(', ') || 'none'}`],
    remedy: `look at the conditions of ${name}: the agent makes it where nothing prevents it`,
  };
}

/** A container that does not run, or is paused. Pure. */
export function notRunning({ name, status, ...one }: DockerContainerDetail): HostFinding[] {
  if (status === 'running') return [];
  const ended = one.finishedAt === null ? '' : `, ended ${one.finishedAt}`;
  const error = one.error === null || one.error === '' ? [] : [`Docker's error: ${one.error}`];
  return [
    {
      code: 'container-stopped',
      subject: `container ${name}`,
      message: `container ${name} does not run: it is ${status}`,
      evidence: [`docker inspect ${name}: ${status}, exit code ${one.exitCode}${ended}`, ...error],
      remedy: remedyOf(name, status, error.length > 0),
    },
  ];
}

/** One that ran when the diagnosis began, and does not when it ends. Pure. */
export const endedMeanwhile = (name: string): HostFinding => ({
  code: 'container-stopped',
  subject: `container ${name}`,
  message: `container ${name} ended during the diagnosis`,
  evidence: ['its first process is gone'],
  remedy: `docker logs ${name} says why it ended; docker start ${name}`,
});

function remedyOf(name: string, status: DockerContainer['status'], hasError: boolean): string {
  if (status === 'paused') return `docker unpause ${name}`;
  if (status === 'restarting') return `docker logs ${name} says why it ends`;
  return hasError
    ? `mend what Docker says in its error, then docker start ${name}`
    : `docker start ${name}; docker logs ${name} says why it ended`;
}

/** A container on none of the networks that the diagnosis is about. Pure. */
export function notAttached(
  { name, networkMode, endpoints }: DockerContainer,
  networks: readonly SceneNetwork[],
): HostFinding {
  const wanted = networks.map(({ network }) => network.name).join(', ') || 'no network of Trunkline';
  const on = endpoints.map((endpoint) =>
    hasInterface(endpoint) ? endpoint.networkName : `${endpoint.networkName} (without an endpoint)`,
  );
  return {
    code: 'container-not-attached',
    subject: `container ${name}`,
    message: `container ${name} ${howInstead(networkMode, on, wanted)}`,
    evidence: [`docker inspect ${name}: network mode ${networkMode}, networks ${on.join(', ') || 'none'}`],
    remedy: attachment(name, networkMode, networks[0]?.network.name ?? '<network>'),
  };
}

function howInstead(networkMode: string, on: readonly string[], wanted: string): string {
  if (networkMode === 'none' && on.length < 2)
    return `has no network (--network none): ${wanted} is asked about`;
  if (networkMode === 'host')
    return `has the network of this host (--network host): ${wanted} is asked about`;
  return `is on ${on.join(', ') || 'no network'}: ${wanted} is asked about`;
}

function attachment(name: string, networkMode: string, network: string): string {
  if (networkMode === 'host') return `make it again with --network ${network}`;
  const first = networkMode === 'none' ? `docker network disconnect none ${name}; then ` : '';
  return `${first}docker network connect ${network} ${name}`;
}
