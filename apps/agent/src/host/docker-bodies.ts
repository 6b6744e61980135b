import type { DockerAttachment, DockerContainerSpec, DockerNetworkSpec } from './docker-engine.ts';

/** The body of `POST /networks/create`. */
export function networkToWire(spec: DockerNetworkSpec) {
  return {
    Name: spec.name,
    // From API 1.44 always so; before, Docker took the same name twice unless asked not to.
    CheckDuplicate: true,
    Driver: spec.driver,
    Options: { ...spec.options },
    Labels: { ...spec.labels },
    Internal: spec.internal ?? false,
    Attachable: spec.attachable ?? false,
    EnableIPv6: spec.enableIPv6 ?? spec.subnets.some((subnet) => subnet.cidr.includes(':')),
    // Otherwise Docker asks the IPAM driver for an IPv4 subnet of its choice.
    ...(hasIpv4(spec) ? {} : { EnableIPv4: false }),
    IPAM: {
      Driver: spec.ipamDriver ?? 'default',
      Options: { ...spec.ipamOptions },
      Config: spec.subnets.map((subnet) => ({
        Subnet: subnet.cidr,
        ...(subnet.gateway === undefined ? {} : { Gateway: subnet.gateway }),
        ...(subnet.ipRange === undefined ? {} : { IPRange: subnet.ipRange }),
        ...(subnet.aux === undefined ? {} : { AuxiliaryAddresses: { ...subnet.aux } }),
      })),
    },
  };
}

/** Whether a network has an IPv4 subnet; without one it needs an API from `ipv6OnlySince` on. */
export function hasIpv4({ subnets }: Pick<DockerNetworkSpec, 'subnets'>): boolean {
  return subnets.some(({ cidr }) => !cidr.includes(':'));
}

/**
 * An endpoint's settings for create and connect; `withMac` from API 1.44 on. Before, an Engine gives a container the MAC that
 * it was made with again whenever it is connected to the network that it was made on.
 */
export function endpointToWire(attachment: DockerAttachment, withMac: boolean, withPriority = false) {
  const { ipv4, ipv6, aliases = [], gatewayPriority } = attachment;
  const mac = macOf(attachment);
  return {
    IPAMConfig: {
      ...(ipv4 === undefined ? {} : { IPv4Address: ipv4 }),
      ...(ipv6 === undefined ? {} : { IPv6Address: ipv6 }),
    },
    ...(mac === undefined || !withMac ? {} : { MacAddress: mac }),
    ...(aliases.length === 0 ? {} : { Aliases: [...aliases] }),
    ...(gatewayPriority === undefined || !withPriority ? {} : { GwPriority: gatewayPriority }),
  };
}

function macOf({ mac, usualMac }: DockerAttachment): string | undefined {
  return mac ?? usualMac;
}

/** How a container is made: the body of `POST /containers/create`, and the networks to connect before its start. */
export interface ContainerPlan {
  readonly body: Readonly<Record<string, unknown>>;
  readonly connect: readonly DockerAttachment[];
}

/**
 * Plans a container for an API version. From 1.44 create takes all networks, with a MAC each. Before, it takes one, and
 * only that one can have a chosen MAC; so the attachment with a MAC goes first, and two such are `unsupported`.
 */
export function planContainer(
  spec: DockerContainerSpec,
  api: { readonly manyEndpoints: boolean; readonly gatewayPriority?: boolean },
): ContainerPlan | { readonly unsupported: string } {
  const attachments = spec.attachments ?? [];
  const withMac = attachments.filter((attachment) => attachment.mac !== undefined);
  if (!api.manyEndpoints && withMac.length > 1) {
    return {
      unsupported: `${spec.name} requests a MAC on ${withMac.length} networks; that requires Docker Engine 25 or later`,
    };
  }
  const ordered = api.manyEndpoints
    ? attachments
    : [...withMac, ...attachments.filter((attachment) => attachment.mac === undefined)];
  const [first] = ordered;
  const firstMac = first && macOf(first);
  const atCreate = api.manyEndpoints ? ordered : ordered.slice(0, 1);
  const body = {
    Image: spec.image,
    Env: spec.env ?? [],
    Tty: spec.tty ?? false,
    OpenStdin: spec.stdinOpen ?? false,
    Labels: { ...spec.labels },
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.hostname === undefined ? {} : { Hostname: spec.hostname }),
    ...(api.manyEndpoints || firstMac === undefined ? {} : { MacAddress: firstMac }),
    HostConfig: {
      // Never by default Docker's own bridge: nobody asked for it.
      NetworkMode: spec.networkMode ?? first?.network ?? 'none',
      RestartPolicy: {
        Name: spec.restartPolicy?.name ?? 'no',
        MaximumRetryCount: spec.restartPolicy?.maximumRetryCount ?? 0,
      },
    },
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(
        atCreate.map((attachment) => [
          attachment.network,
          endpointToWire(attachment, api.manyEndpoints, api.gatewayPriority),
        ]),
      ),
    },
  };
  return { body, connect: ordered.slice(atCreate.length) };
}
