import type { DockerEndpoint, DockerNetwork } from '../host/docker-engine.ts';
import type { Link } from '../host/links.ts';
import type { SceneNetwork } from './scene.ts';

/** A container's place on a network, as Docker has it. */
export interface Place {
  readonly endpoint: DockerEndpoint;
  /** Null where Docker has no such network any more. */
  readonly docker: DockerNetwork | null;
  /** The network of the diagnosis that it is on; null where the diagnosis names none. */
  readonly network: SceneNetwork['network'] | null;
  /** MTU of the interface below it in bytes; null where that is not known. */
  readonly mtu: number | null;
}

/** What a running container is looked at with: what Docker has of it, and what the kernel has inside it. */
export interface Inside {
  readonly name: string;
  readonly places: readonly Place[];
  /** Gateways of all Docker networks that it is on. */
  readonly gateways: readonly string[];
  readonly links: readonly Link[];
}

/** Name of the network of a place. */
export const networkOf = ({ endpoint, docker }: Place): string => docker?.name ?? endpoint.networkName;

/** One container may have the same fault on two interfaces. */
export const subjectOf = (name: string, link: Link): string => `container ${name}, interface ${link.name}`;
