import { nothingToDo, type ConditionKind } from './condition-kind.ts';

/** Condition of a placement: whether containers on this host get coordinated addresses, and how many are available. */
export const addressPoolCondition = {
  on: ['placement', 'preflight'],
  reportedBy: ['agent'],
  means:
    'Containers of the network on this host get their addresses from Trunkline, and enough are available. `Ready` does not depend on it.',
  good: 'True',
  reasons: {
    Ready: { means: 'Containers get addresses that this host already holds.', remedy: nothingToDo },
    PoolLow: {
      means: 'Fewer addresses are available to the next containers than `warm` asks for.',
      remedy: 'Release addresses, add a subnet, or lower `warm`. The message says why there are no more.',
    },
    NotProbed: {
      means: 'Addresses are assigned without a probe on the wire.',
      remedy: 'The message says what prevents the probe.',
    },
    AddressNotHeld: {
      means: 'A container uses an address that this host does not hold.',
      remedy: 'Restart the container with another address.',
    },
    ContainerNotStarted: {
      means:
        'A container should run, and Docker does not start it. The agent tries again at growing intervals.',
      remedy: 'The message has the error of Docker.',
    },
    DriverNotServing: {
      means: 'Docker cannot reach the agent, so no container starts on the network. What runs keeps running.',
      remedy: 'The message says why. See the log of the agent.',
    },
    LeasesNotWritable: {
      means: 'The agent cannot write to its disk, so no container of the host gets an address.',
      remedy: 'See `AddressDriver` of the host.',
    },
    NotCoordinated: {
      means:
        'The Docker network was there before Trunkline and assigns addresses itself. Another host may assign the same ones.',
      remedy:
        'Remove the Docker network by hand when its containers are gone. The agent then makes a new one.',
    },
    MovesWhenFree: {
      means:
        'The Docker network was made by an earlier version and has to be replaced. It waits until no container is attached.',
      remedy: 'Remove the containers, or change the network with `?force=true`.',
    },
  },
} as const satisfies ConditionKind;
