import { containerPath, placementsPath } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { TransactionClient } from '../../platform/database/database.ts';
import { ApiError, invalidFields, type FieldError } from '../../platform/errors.ts';
import type { ContainerAddresses } from '../addresses/container-addresses.ts';
import { reservationsFor, type ContainerRequest, type Reservation } from './container-request.ts';
import {
  findContainer,
  holdContainer,
  holderOfMac,
  insertAttachments,
  insertContainer,
  type AttachmentWrite,
} from './containers.store.ts';

/** A network as far as attaching to it goes. */
interface Attachable {
  id: string;
  name: string;
  deleting: boolean;
  families: (4 | 6)[];
}

/** What making a container needs of other features. */
export interface ContainerDeps {
  hosts: {
    findByNames(db: TransactionClient, names: readonly string[]): Promise<{ id: string; name: string }[]>;
  };
  networks: {
    findForAttachment(change: Change, names: readonly string[]): Promise<Attachable[]>;
  };
  placements: {
    keepPlacedOn(db: TransactionClient, networkIds: readonly string[], hostId: string): Promise<string[]>;
    /** Whether one of the networks can only be made ready on the host by a person. */
    waitForPerson(db: TransactionClient, networkIds: readonly string[], hostId: string): Promise<boolean>;
  };
  addresses: Pick<ContainerAddresses, 'refuseTakenMac' | 'reserveForContainer'>;
}

/** A place to take, with where in the request it stands. */
interface Place {
  ordinal: number;
  network: Attachable;
  mac: string | undefined;
  reservations: Reservation[];
}

/** Makes a container with its places on networks, all or nothing: an address that cannot be had undoes everything. */
export async function createContainer(
  change: Change,
  deps: ContainerDeps,
  request: ContainerRequest,
  now: Date,
): Promise<void> {
  const { db } = change;
  const places = await findPlaces(change, deps, request);
  const [host] = await deps.hosts.findByNames(db, [request.host]);
  if (host === undefined) {
    throw new ApiError('host_not_found', `there is no host ${request.host}: it has to join first`, {
      errors: [{ pointer: '/host', message: 'is not a host that has joined' }],
    });
  }
  await refuseUnplaced(db, deps, places, host);
  if ((await findContainer(db, request.name)) !== null) {
    throw new ApiError(
      'container_exists',
      `there is already a container ${request.name}: names are unique in the fleet`,
      {
        data: { container: containerPath(request.name) },
      },
    );
  }
  await refuseTakenMacs(db, deps, places);
  const sharesStackOf =
    request.sharesStackOf === null ? null : await stackToShare(db, request.sharesStackOf, host);
  const containerId = await insertContainer(db, request, { hostId: host.id, sharesStackOf, now });
  await insertAttachments(db, await reserve(change, deps, places, { id: containerId, name: request.name }));
  change.record({
    type: 'container.created',
    subject: containerPath(request.name),
    host: host.name,
    data: { image: request.spec.image, networks: request.attachments.map(({ network }) => network) },
  });
  const { spec, ...rest } = request;
  change.audit({ subject: containerPath(request.name), after: { ...rest, ...spec } });
  change.notifyHosts([host.id]);
}

async function findPlaces(change: Change, deps: ContainerDeps, request: ContainerRequest): Promise<Place[]> {
  if (request.attachments.length === 0) return [];
  const names = request.attachments.map(({ network }) => network);
  const networks = new Map(
    (await deps.networks.findForAttachment(change, names)).map((one) => [one.name, one]),
  );
  const faults: FieldError[] = [];
  const places = request.attachments.map((attachment, ordinal) => {
    const network = networks.get(attachment.network);
    const pointer = `/attachments/${ordinal}`;
    if (network === undefined) {
      throw new ApiError('network_not_found', `there is no network ${attachment.network}`, {
        errors: [{ pointer: `${pointer}/network`, message: 'is not a network' }],
      });
    }
    if (network.deleting) {
      throw new ApiError(
        'network_deleting',
        `network ${network.name} is being removed: it accepts no containers`,
        {
          errors: [{ pointer: `${pointer}/network`, message: 'is being removed' }],
        },
      );
    }
    const fit = reservationsFor(attachment, network.families, pointer);
    faults.push(...fit.faults);
    return { ordinal, network, mac: attachment.mac, reservations: fit.reservations };
  });
  if (faults.length > 0) throw invalidFields(faults);
  return places;
}

async function refuseUnplaced(
  db: TransactionClient,
  deps: ContainerDeps,
  places: readonly Place[],
  host: { id: string; name: string },
): Promise<void> {
  if (places.length === 0) return;
  const ids = places.map(({ network }) => network.id);
  const placed = new Set(await deps.placements.keepPlacedOn(db, ids, host.id));
  const missing = places.find(({ network }) => !placed.has(network.id));
  if (missing === undefined) return;
  const { name } = missing.network;
  throw new ApiError(
    'network_not_placed',
    `network ${name} is not on ${host.name}: select the host in its hosts, or run the container where it is`,
    {
      data: { placements: placementsPath(name) },
      errors: [{ pointer: `/attachments/${missing.ordinal}/network`, message: `is not on ${host.name}` }],
    },
  );
}

async function refuseTakenMacs(
  db: TransactionClient,
  deps: ContainerDeps,
  places: readonly Place[],
): Promise<void> {
  for (const { ordinal, network, mac } of places) {
    const holder = mac === undefined ? undefined : await holderOfMac(db, network.id, mac);
    if (holder !== undefined) {
      throw new ApiError(
        'mac_in_use',
        `${mac ?? ''} is the MAC of container ${holder} on ${network.name}: use another MAC`,
        {
          data: { holder: containerPath(holder), network: network.name },
          errors: [{ pointer: `/attachments/${ordinal}/mac`, message: `is the MAC of container ${holder}` }],
        },
      );
    }
    if (mac !== undefined)
      await deps.addresses.refuseTakenMac(db, network, mac, `/attachments/${ordinal}/mac`);
  }
}

const wrong = (message: string): FieldError[] => [{ pointer: '/networkMode', message }];

async function stackToShare(
  db: TransactionClient,
  name: string,
  host: { id: string; name: string },
): Promise<string> {
  const target = await holdContainer(db, name);
  if (target === null || target.deletingSince !== null) {
    const why = target === null ? `there is no container ${name}` : `container ${name} is being removed`;
    throw new ApiError('container_not_found', `${why}: its network stack cannot be shared`, {
      errors: wrong('does not name a container that stays'),
    });
  }
  if (target.hostId !== host.id)
    throw invalidFields(
      wrong(`names ${name}, which runs on ${target.host.name}: a stack is shared on one host only`),
    );
  if (target.stackOwner !== null)
    throw invalidFields(
      wrong(`names ${name}, which itself shares the stack of ${target.stackOwner.name}: name that one`),
    );
  return target.id;
}

async function reserve(
  change: Change,
  deps: ContainerDeps,
  places: readonly Place[],
  container: { id: string; name: string },
): Promise<AttachmentWrite[]> {
  const attachments: AttachmentWrite[] = [];
  // In the order of docs/locking.md, so that two containers on the same networks do not wait for each other.
  const ordered = places.toSorted((a, b) => (a.network.id < b.network.id ? -1 : 1));
  for (const { ordinal, network, mac, reservations } of ordered) {
    const ips: Record<Reservation['family'], string | null> = { ipv4: null, ipv6: null };
    const isChosen = (of: Reservation['family']): boolean =>
      reservations.some(({ family, address }) => family === of && address === undefined);
    for (const { family, address } of reservations) {
      ips[family] = await deps.addresses.reserveForContainer(change, {
        network: network.name,
        containerId: container.id,
        containerName: container.name,
        family,
        ...(address === undefined ? {} : { address }),
        ...(mac === undefined ? {} : { mac }),
      });
    }
    attachments.push({
      containerId: container.id,
      ordinal,
      networkId: network.id,
      ...ips,
      chosenIpv4: isChosen('ipv4'),
      chosenIpv6: isChosen('ipv6'),
      mac: mac ?? null,
    });
  }
  return attachments;
}
