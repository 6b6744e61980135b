import type { RunCommand } from '../host/command.ts';
import type { DockerContainerDetail } from '../host/docker-engine.ts';
import { inContainerNetwork } from '../host/namespace.ts';
import type { Scene } from './scene.ts';

/** A network namespace: that of the host, or of a container. */
export interface Place {
  /** What follows a sentence to say where it is: `` for the host, ` inside container box1`. */
  readonly words: string;
  /** Runs a program in it. */
  readonly run: RunCommand;
  /** What stands before a command to run it there by hand: `` or `nsenter -t 42 -n `. */
  readonly prefix: string;
  /** Its /proc/net. */
  readonly procNet: string;
}

/** The place of a container of the diagnosis. */
export type ContainerPlace = Place & {
  readonly name: string;
  readonly detail: DockerContainerDetail;
};

/** That of the host. */
export const hostPlace = ({ run }: Scene): Place => ({ words: '', run, prefix: '', procNet: '/proc/net' });

/** Those of the running containers that have a network of their own. */
export function containerPlaces({ containers, run }: Scene): readonly ContainerPlace[] {
  return containers.flatMap(({ name, detail }): ContainerPlace[] => {
    // What has the network of the host is looked at with it.
    if (detail === null || detail.pid === null || detail.networkMode === 'host') return [];
    return [
      {
        name,
        detail,
        words: ` inside container ${name}`,
        run: inContainerNetwork(run, detail.pid),
        prefix: `nsenter -t ${detail.pid} -n `,
        procNet: `/proc/${detail.pid}/net`,
      },
    ];
  });
}

/** Addresses of the host that are the gateway of a network. */
export function ownGateways({ networks, observed }: Scene): ReadonlySet<string> {
  const own = new Set(observed.links.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  const gateways = networks.flatMap(({ network }) => network.subnets.map(({ gateway }) => gateway));
  return new Set(gateways.filter((gateway) => typeof gateway === 'string').filter((one) => own.has(one)));
}
