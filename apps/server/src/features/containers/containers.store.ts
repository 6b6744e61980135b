import type { Prisma, TransactionClient } from '../../platform/database/database.ts';
import { namedWhere, type NamedQuery } from '../../platform/list-filters.ts';
import type { ObservedContainer } from './container-verdict.ts';
import type { ContainerRequest } from './container-request.ts';

const whole = {
  host: { select: { name: true, lastSeenAt: true } },
  stackOwner: { select: { name: true } },
  attachments: { orderBy: { ordinal: 'asc' }, include: { network: { select: { name: true } } } },
} as const satisfies Prisma.ContainerInclude;

/** A container with its host, its places on networks, and the container whose stack it shares. */
export type ContainerRow = Prisma.ContainerGetPayload<{ include: typeof whole }>;

export function findContainer(db: TransactionClient, name: string): Promise<ContainerRow | null> {
  return db.container.findUnique({ where: { name }, include: whole });
}

export function findContainerById(db: TransactionClient, id: string): Promise<ContainerRow | null> {
  return db.container.findUnique({ where: { id }, include: whole });
}

/** Locks those that share the stack of a container, and then the container (docs/locking.md). */
export async function lockWithSharers(db: TransactionClient, name: string): Promise<ContainerRow | null> {
  await db.$queryRaw`
    SELECT 1 FROM container WHERE name = ${name} OR shares_stack_of = (SELECT id FROM container WHERE name = ${name})
    ORDER BY shares_stack_of IS NULL, id FOR UPDATE`;
  return findContainer(db, name);
}

/** Keeps a container from being removed while another is made that shares its stack. */
export async function holdContainer(db: TransactionClient, name: string): Promise<ContainerRow | null> {
  await db.$queryRaw`SELECT 1 FROM container WHERE name = ${name} FOR SHARE`;
  return findContainer(db, name);
}

export interface ContainerFilter extends NamedQuery {
  host?: string;
  network?: string;
  /** As Docker reports it. */
  state?: string;
  /** Canonical. */
  address?: string;
  /** Canonical; asked for or seen. */
  mac?: string;
}

/** Up to `take` containers after a name, in the order of names. */
export function listContainers(
  db: TransactionClient,
  filter: ContainerFilter,
  after: string | undefined,
  take: number,
): Promise<ContainerRow[]> {
  return db.container.findMany({
    where: {
      ...(after === undefined ? {} : { name: { gt: after } }),
      ...(filter.host === undefined ? {} : { host: { name: filter.host } }),
      ...(filter.network === undefined
        ? {}
        : { attachments: { some: { network: { name: filter.network } } } }),
      ...(filter.state === undefined ? {} : { observed: { path: ['state'], equals: filter.state } }),
      AND: [
        namedWhere(filter),
        ...(filter.address === undefined
          ? []
          : [{ attachments: { some: { OR: [{ ipv4: filter.address }, { ipv6: filter.address }] } } }]),
        ...(filter.mac === undefined
          ? []
          : [{ attachments: { some: { OR: [{ mac: filter.mac }, { observedMac: filter.mac }] } } }]),
      ],
    },
    orderBy: { name: 'asc' },
    take,
    include: whole,
  });
}

/** Containers of some hosts; all, or some by id. */
export function containersOn(
  db: TransactionClient,
  hostIds: readonly string[],
  ids?: readonly string[],
): Promise<ContainerRow[]> {
  return db.container.findMany({
    where: { hostId: { in: [...hostIds] }, ...(ids === undefined ? {} : { id: { in: [...ids] } }) },
    orderBy: { id: 'asc' },
    include: whole,
  });
}

export async function insertContainer(
  db: TransactionClient,
  request: ContainerRequest,
  placed: { hostId: string; sharesStackOf: string | null; now: Date },
): Promise<string> {
  const { id } = await db.container.create({
    data: {
      name: request.name,
      hostId: placed.hostId,
      spec: { ...request.spec },
      labels: request.labels,
      sharesStackOf: placed.sharesStackOf,
      createdAt: placed.now,
    },
    select: { id: true },
  });
  return id;
}

export interface AttachmentWrite {
  containerId: string;
  ordinal: number;
  networkId: string;
  ipv4: string | null;
  ipv6: string | null;
  /** The server chose it: nobody named it. */
  chosenIpv4: boolean;
  chosenIpv6: boolean;
  mac: string | null;
}

export async function insertAttachments(
  db: TransactionClient,
  attachments: readonly AttachmentWrite[],
): Promise<void> {
  if (attachments.length > 0) await db.attachment.createMany({ data: [...attachments] });
}

/** The container that asked for an Ethernet address on a network. */
export async function holderOfMac(
  db: TransactionClient,
  networkId: string,
  mac: string,
): Promise<string | undefined> {
  const held = await db.attachment.findFirst({
    where: { networkId, OR: [{ mac }, { observedMac: mac }] },
    select: { container: { select: { name: true } } },
  });
  return held?.container.name;
}

/** Writes the container as it should be, and raises its generation. `sameAs`: the earlier ones that it is the same as on its host. */
export async function updateContainer(
  db: TransactionClient,
  id: string,
  {
    spec,
    labels,
    sameAs,
  }: Pick<ContainerRequest, 'spec' | 'labels'> & {
    sameAs: number[];
  },
): Promise<void> {
  await db.container.update({
    where: { id },
    data: { spec: { ...spec }, labels, sameAs, generation: { increment: 1 } },
  });
}

export async function markContainerDeleting(db: TransactionClient, id: string, now: Date): Promise<void> {
  await db.container.update({
    where: { id },
    data: { deletingSince: now, generation: { increment: 1 } },
  });
}

/** The containers that share the stack of one, by name. */
export async function sharersOf(
  db: TransactionClient,
  id: string,
): Promise<{ id: string; name: string; generation: number; deletingSince: Date | null }[]> {
  return db.container.findMany({
    where: { sharesStackOf: id },
    orderBy: { name: 'asc' },
    select: { id: true, name: true, generation: true, deletingSince: true },
  });
}

/** Drops a container that is being removed; false when it was dropped before. */
export async function deleteContainer(db: TransactionClient, id: string): Promise<boolean> {
  const { count } = await db.container.deleteMany({ where: { id, deletingSince: { not: null } } });
  return count > 0;
}

/** Drops all containers of a host. Those that share a stack go first, as their foreign key wants it. */
export async function forgetContainers(db: TransactionClient, hostId: string): Promise<void> {
  await db.container.deleteMany({ where: { hostId, sharesStackOf: { not: null } } });
  await db.container.deleteMany({ where: { hostId } });
}

export async function writeObserved(
  db: TransactionClient,
  id: string,
  seen: { observed: ObservedContainer; observedGeneration: number; conditions: Prisma.InputJsonValue },
): Promise<void> {
  await db.container.update({
    where: { id },
    data: {
      observed: seen.observed as unknown as Prisma.InputJsonObject,
      observedGeneration: seen.observedGeneration,
      conditions: seen.conditions,
    },
  });
}

/** Nothing new of these containers: only when the agent looked. */
export async function touchObserved(
  db: TransactionClient,
  ids: readonly string[],
  observedAt: Date,
): Promise<void> {
  if (ids.length === 0) return;
  await db.$executeRaw`
    UPDATE container SET observed = jsonb_set(observed, '{observedAt}', to_jsonb(${observedAt.toISOString()}::text))
    WHERE id = ANY (${[...ids]}::uuid[])`;
}

export async function writeObservedMac(
  db: TransactionClient,
  containerId: string,
  networkId: string,
  mac: string | null,
): Promise<void> {
  await db.attachment.updateMany({ where: { containerId, networkId }, data: { observedMac: mac } });
}
