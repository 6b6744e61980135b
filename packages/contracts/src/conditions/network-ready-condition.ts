import { agentDoesIt, nothingToDo, type ConditionKind } from './condition-kind.ts';

/** Condition of a placement: the Docker network on the host. */
export const networkReadyCondition = {
  on: ['placement', 'preflight'],
  reportedBy: ['agent'],
  means: 'Docker on the host has the network as it should be.',
  good: 'True',
  reasons: {
    Created: { means: 'The agent made the Docker network.', remedy: nothingToDo },
    Adopted: {
      means: 'The Docker network was there before Trunkline, fits, and is used. It is never removed.',
      remedy: nothingToDo,
    },
    Missing: { means: 'Docker does not have the network yet.', remedy: agentDoesIt },
    Adopting: { means: 'Docker has a network of this name that fits.', remedy: agentDoesIt },
    Outdated: { means: 'The Docker network differs and is being replaced.', remedy: agentDoesIt },
    LostByDocker: {
      means: 'Docker lost the network, because its parent was not there when Docker started.',
      remedy: agentDoesIt,
    },
    LinkNotReady: {
      means: 'The interface below the Docker network is missing or cannot be used.',
      remedy: 'See `ParentReady` and `LinkReady` of this placement.',
    },
    DriverNotServing: {
      means: 'The network is made as soon as Docker can get addresses from the agent.',
      remedy: 'See `AddressDriver` of the host.',
    },
    DockerUnreachable: {
      means: 'Docker does not answer, so nothing is known of the network.',
      remedy: 'Start Docker.',
    },
    EngineTooOld: {
      means: 'The network has no IPv4 subnet, and Docker on this host gives every network one.',
      remedy: 'Add an IPv4 subnet, or update Docker to 28 or later.',
    },
    ParentInUse: {
      means: 'Another Docker network uses the interface, and Docker does not let them share it.',
      remedy: 'Remove that network, use a VLAN or another parent, or update Docker to 27 or later.',
    },
    SubnetOnWire: {
      means:
        'A network of another space has an overlapping subnet on the same interface, so addresses would be given twice.',
      remedy: 'Use another subnet, VLAN or parent for one of them. Spaces are for wires that never meet.',
    },
    NameAmbiguous: {
      means: 'Docker has several networks of this name.',
      remedy: 'Remove all but one of them (docker network rm <id>).',
    },
    NameTaken: {
      means: 'Docker has a network of this name that is not ours and does not fit. It is not touched.',
      remedy: 'Remove or rename that network by hand.',
    },
    AdoptedDiffers: {
      means: 'The adopted Docker network no longer fits. It is not touched.',
      remedy: 'Remove that network by hand, or change the network back.',
    },
    ReplaceBlocked: {
      means: 'The Docker network has to be replaced, but containers are attached.',
      remedy: 'Remove the containers, or change the network with `?force=true`.',
    },
    ReplaceFailed: {
      means: 'Containers could not be disconnected to replace the Docker network.',
      remedy: 'The message has the error of Docker. The agent tries again.',
    },
    CreateRefused: {
      means: 'Docker refused to make the network.',
      remedy: 'The message has the error of Docker. The agent tries again.',
    },
    AdoptFailed: {
      means: 'The agent could not record that it uses the Docker network.',
      remedy: 'The message has the error. The agent tries again.',
    },
    Removing: { means: 'The network is being removed from this host.', remedy: agentDoesIt },
    Removed: { means: 'Nothing of the network is left on this host.', remedy: nothingToDo },
    LeftInPlace: {
      means: 'The network is removed, but its Docker network was adopted and stays.',
      remedy: 'Remove the Docker network by hand if nobody needs it.',
    },
    RemovalBlocked: {
      means: 'The network should be removed, but containers are attached.',
      remedy: 'Remove the containers that the message names.',
    },
    RemovalFailed: {
      means: 'The Docker network or its interface could not be removed.',
      remedy: 'The message has the error. The agent tries again.',
    },
    EndpointsMiscounted: {
      means: 'Docker refuses to remove the network although no container is attached: Docker lost count.',
      remedy: 'Restart Docker on this host. The agent then tries again.',
    },
  },
} as const satisfies ConditionKind;
