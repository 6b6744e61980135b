import type { DockerContainerDetail, DockerContainerSpec, DockerEndpoint } from './docker-engine.ts';

/** An endpoint of a container that does not run. */
export const idle = {
  endpointId: null,
  ipv4: null,
  ipv4PrefixLength: null,
  ipv6: null,
  ipv6PrefixLength: null,
  gateway: null,
} as const;

/** What an endpoint loses when its container stops. */
export function without(endpoint: DockerEndpoint): Partial<DockerEndpoint> {
  const derived = endpoint.mac === macOf(endpoint.ipv4);
  return { ...idle, mac: derived ? null : endpoint.mac };
}

/** A container just made, on no network yet. */
export function newContainer(id: string, spec: DockerContainerSpec, created: string): DockerContainerDetail {
  return {
    id,
    name: spec.name,
    image: spec.image,
    imageId: `sha256:${imageName(spec.image)}`,
    status: 'created',
    pid: null,
    exitCode: 0,
    error: null,
    startedAt: null,
    finishedAt: null,
    created,
    restartCount: 0,
    restartPolicy: spec.restartPolicy ?? { name: 'no', maximumRetryCount: 0 },
    labels: { ...spec.labels },
    networkMode: spec.networkMode ?? spec.attachments?.[0]?.network ?? 'none',
    endpoints: [],
    hostname: spec.hostname ?? id.slice(0, 12),
    hostsPath: null,
    command: [...(spec.command ?? ['sh'])],
    entrypoint: [...(spec.entrypoint ?? [])],
    env: [...(spec.env ?? [])],
    tty: spec.tty ?? false,
    stdinOpen: spec.stdinOpen ?? false,
  };
}

/** With the tag that Docker adds. */
export function imageName(ref: string): string {
  return /[:@][^/]*$/.test(ref) ? ref : `${ref}:latest`;
}

/** As Engines before 28 derive it. */
export function macOf(ipv4: string | null): string | null {
  const bytes = ipv4?.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return bytes === undefined ? null : ['02', '42', ...bytes].join(':');
}

/** Enough for a test's /24: the first host address that neither the gateway nor a container has. */
export function firstFree(
  pool: { readonly cidr: string; readonly gateway: string | null },
  taken: readonly (string | null)[],
): string | null {
  const net = pool.cidr.split('.').slice(0, 3).join('.');
  const hosts = Array.from({ length: 253 }, (_, index) => `${net}.${index + 1}`);
  return hosts.find((address) => address !== pool.gateway && !taken.includes(address)) ?? null;
}
