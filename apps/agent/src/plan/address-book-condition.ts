import { addressBookType, movesWhenFree, type DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { advises, type ConditionDraft } from './conditions.ts';
import { attachedTo, isCoordinated, namesOf, standInOf } from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';

/**
 * Why the addresses of a network are not given by the address book on this host; null where they are, and then the book
 * has its own say in the report. `own`: made by us, so that it is moved to the address book; one that was adopted stays as it is.
 */
export function addressBookCondition(
  network: DesiredNetwork,
  { book }: Pick<Observed, 'book'>,
  docker: ObservedDocker,
  found: DockerNetwork,
  own: boolean,
): ConditionDraft | null {
  if (isCoordinated(found)) {
    const standIn = own ? standInOf(found, network, book.standIns ?? []) : null;
    const attached = attachedTo(docker, found);
    if (book.notServing === null && standIn !== null && attached.length > 0) {
      return advises(
        addressBookType,
        movesWhenFree,
        `Docker has ${standIn} for the gateway of ${network.name} on this host, as networks without a gateway were made before, and no container gets it. The Docker network is made again without it when no container is attached (now: ${namesOf(attached)}), or at once when the network is changed with ?force=true, which disconnects them for a moment and connects them again with the same addresses`,
      );
    }
    if (book.notServing === null) return null;
    return advises(
      addressBookType,
      'DriverNotServing',
      `no container can be started on ${network.name} for now: Docker cannot ask the agent for addresses (${book.notServing}); what runs goes on`,
    );
  }
  if (!own) {
    return advises(
      addressBookType,
      'NotCoordinated',
      `Docker network ${network.name} was there before Trunkline, and Docker gives its addresses by itself: another host may give the same address to a container of its own. To have them coordinated remove it by hand (docker network rm ${network.name}) when its containers are gone; it is then made anew`,
    );
  }
  const attached = attachedTo(docker, found);
  if (attached.length === 0 && book.notServing !== null) {
    return advises(
      addressBookType,
      'DriverNotServing',
      `Docker still gives the addresses of ${network.name} by itself: it is moved to the address book of all hosts once Docker can ask the agent (${book.notServing})`,
    );
  }
  return advises(
    addressBookType,
    movesWhenFree,
    `Docker still gives the addresses of ${network.name} by itself, as networks were made before: another host may give the same address to a container of its own. It is moved to the address book of all hosts when no container is attached (now: ${namesOf(attached)}), or at once when the network is changed with ?force=true, which disconnects them for a moment and connects them again with the same addresses`,
  );
}
