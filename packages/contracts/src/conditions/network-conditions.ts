import { nothingToDo, type ConditionKind, type ReasonKind } from './condition-kind.ts';

/** Conditions of a network over all of its hosts. */
export const networkConditionTable = {
  HostsKnown: {
    on: ['network'],
    reportedBy: ['server'],
    means: 'Every host that the network names has joined.',
    good: 'True',
    reasons: {
      AllJoined: { means: 'Every host that the network names has joined.', remedy: nothingToDo },
      HostsMissing: {
        means: 'The network names hosts that have not joined.',
        remedy: 'Let them join, or correct the names in `hosts`. The network is made there when they join.',
      },
    },
  },
  WireVerified: {
    on: ['network'],
    reportedBy: ['server'],
    means:
      'Frames pass between the hosts of the network, as it was tried when it last became ready on one of them. Only for networks with `verify`. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      Verified: { means: 'Every host reached the others and the gateways.', remedy: nothingToDo },
      WireFaulty: {
        means: 'Frames do not pass as they should. The message has the verdict.',
        remedy:
          'Do what the check of the wire says, which the message names; `verify` tries again when a host becomes ready, and `POST /v1/checks` at once.',
      },
      HostsNotTried: {
        means: 'A host could not take part, and nothing is wrong between the others.',
        remedy: 'See why in the check that the message names.',
      },
      NotVerified: {
        means: 'The wire has not been tried yet.',
        remedy: 'Wait: it is tried when the network is ready on a host.',
      },
    },
  },
  AddressesAgree: {
    on: ['network', 'placement'],
    reportedBy: ['server'],
    means: 'Running containers use addresses that are theirs. Shown only when one does not.',
    good: 'True',
    reasons: {
      AddressTakenAway: {
        means: 'A container runs on an address that its host had to return.',
        remedy: 'Stop the container and start it with another address.',
      },
      AddressHeldElsewhere: {
        means: 'A container runs on an address that another host holds.',
        remedy: 'Stop the container and start it with another address.',
      },
      AddressReserved: {
        means: 'A container runs on an address that is reserved for another owner.',
        remedy: 'Stop the container and start it with another address, or release the reservation.',
      },
      AddressConflicted: {
        means:
          'A container runs on an address that a foreign station uses, or that containers of several hosts claim since a backup was restored.',
        remedy:
          'Find that station, or remove the containers that should not have the address; or start the container with another address.',
      },
      MacInUse: {
        means: 'A container has the MAC address of another container or reservation on this network.',
        remedy: 'Stop the container and start it with another MAC.',
      },
      AddressIsGateway: {
        means: 'A container runs on the address of the gateway.',
        remedy: 'Stop the container and start it with another address.',
      },
    },
  },
  PoolNearlyFull: {
    on: ['network'],
    reportedBy: ['server'],
    means: 'The addresses of the network run out. Shown only while they do. `Ready` does not depend on it.',
    good: 'False',
    reasons: {
      FewLeft: {
        means:
          'Of one IP version no more addresses are left than TRUNKLINE_POOL_LOW_PERCENT of those that may be given out.',
        remedy:
          'Add a subnet, widen `ranges`, or release reservations that nobody needs. GET /v1/networks/{name}/limits has the numbers.',
      },
      FullSoon: {
        means:
          'At the rate of the last days, the addresses of one IP version run out within TRUNKLINE_POOL_LOW_DAYS.',
        remedy:
          'Add a subnet or widen `ranges` in time. GET /v1/networks/{name}/limits has the rate and the period that it is from.',
      },
    },
  },
} as const satisfies Record<string, ConditionKind>;

/** Reasons that only `Ready` of a network has. */
export const readyOfNetwork = {
  OnAllHosts: { means: 'The network is in place on all of its hosts.', remedy: nothingToDo },
  NotOnAllHosts: {
    means: 'The network is not in place on every host. The message names the hosts and their reasons.',
    remedy: 'Look at the placements of the network.',
  },
  HostsPending: {
    means: 'Some hosts have not reported on this generation of the network yet.',
    remedy: 'Wait. If it stays so, check the agents of these hosts.',
  },
  NoHosts: {
    means: 'No host that has joined is selected by `hosts`.',
    remedy: 'Change `hosts`, or let a host join.',
  },
  Deleting: {
    means: 'The network is being removed from its hosts.',
    remedy: 'Wait. Where the message names containers, remove them first.',
  },
} as const satisfies Record<string, ReasonKind>;
