import type { DesiredNetwork } from '@trunkline/contracts';
import type { DockerNetwork } from '../host/docker-engine.ts';
import { advises, type ConditionDraft } from './conditions.ts';
import { attachedTo, isCoordinated, namesOf, standInOf } from '../observation/network-fit.ts';
import type { Observed, ObservedDocker } from '../observation/observed.ts';

/**
 * The condition `AddressPool` where Docker does not ask this agent for the addresses of the network; null where it does, and
 * then the address book reports it. `own`: made by us, so that it is moved to the address book; one that was adopted stays as it is.
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
        'AddressPool',
        'MovesWhenFree',
        `Docker network ${network.name} on this host was made by an earlier version: it keeps ${standIn} for a gateway that the network does not have, so no container gets that address. It is replaced when no container is attached (now: ${namesOf(attached)}), or at once when the network is changed with ?force=true, which disconnects them for a moment and connects them again with the same addresses`,
      );
    }
    if (book.notServing === null) return null;
    return advises(
      'AddressPool',
      'DriverNotServing',
      `no container can be started on ${network.name} for now: Docker cannot ask the agent for addresses (${book.notServing}). What runs keeps running`,
    );
  }
  if (!own) {
    return advises(
      'AddressPool',
      'NotCoordinated',
      `Docker network ${network.name} was there before Trunkline, and Docker assigns its addresses by itself: another host may assign the same address to a container of its own. To have them coordinated, remove it by hand (docker network rm ${network.name}) when its containers are gone. The agent then makes a new one`,
    );
  }
  const attached = attachedTo(docker, found);
  if (attached.length === 0 && book.notServing !== null) {
    return advises(
      'AddressPool',
      'DriverNotServing',
      `Docker assigns the addresses of ${network.name} by itself. Its Docker network is replaced by one with coordinated addresses once Docker can ask the agent (${book.notServing})`,
    );
  }
  return advises(
    'AddressPool',
    'MovesWhenFree',
    `Docker assigns the addresses of ${network.name} by itself, as in an earlier version: another host may assign the same address to a container of its own. The Docker network is replaced by one with coordinated addresses when no container is attached (now: ${namesOf(attached)}), or at once when the network is changed with ?force=true, which disconnects them for a moment and connects them again with the same addresses`,
  );
}
