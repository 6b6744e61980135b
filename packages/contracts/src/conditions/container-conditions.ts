import { agentDoesIt, nothingToDo, type ConditionKind, type ReasonKind } from './condition-kind.ts';

/** Conditions of a container that was created through the API. */
export const containerConditionTable = {
  ImageReady: {
    on: ['container'],
    reportedBy: ['agent'],
    means: 'The image is on the host. Shown until the container is made.',
    good: 'True',
    reasons: {
      ImagePresent: { means: 'The image is on the host.', remedy: nothingToDo },
      Pulling: { means: 'The image is being pulled.', remedy: agentDoesIt },
      PullFailed: {
        means: 'The image could not be pulled.',
        remedy: 'The message has the error of Docker. The agent tries again.',
      },
      ImageMissing: {
        means: 'The image is not on the host, and `pull` is `never`.',
        remedy: 'Load the image by hand, or create the container with another `pull`.',
      },
    },
  },
  NetworkAttached: {
    on: ['container'],
    reportedBy: ['agent'],
    means: 'The container has the network interfaces that Docker lists for it.',
    good: 'True',
    reasons: {
      InterfacesThere: { means: 'The container has its interfaces.', remedy: nothingToDo },
      InterfaceLost: {
        means: 'The container runs without one of its interfaces, because the interface below it vanished.',
        remedy: 'Restart the container, or set `restartBroken` on the network.',
      },
    },
  },
  DefaultRoute: {
    on: ['container'],
    reportedBy: ['agent'],
    means:
      'The default route of the container leads to the gateway of its first network. Only with several networks.',
    good: 'True',
    reasons: {
      RouteAsAttached: {
        means: 'The default route is that of the first network that has a gateway.',
        remedy: nothingToDo,
      },
      RouteOfAnother: { means: 'The default route is that of another network.', remedy: agentDoesIt },
      RouteRefused: {
        means: 'The default route could not be changed.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
    },
  },
  SharedStack: {
    on: ['container', 'host'],
    reportedBy: ['agent'],
    means:
      'Containers that Trunkline does not run and that share the network stack of a container (`docker run --network container:<name>`) follow it. Shown only where there are any. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      Shared: {
        means: 'The containers that the message names share a network stack, and are restarted with it.',
        remedy: nothingToDo,
      },
      SharersRestarting: {
        means: 'The container was restarted. What shares its network stack is being started again.',
        remedy: agentDoesIt,
      },
      SharersNotAllowed: {
        means:
          'The container was restarted. What shares its network stack has no network, and the settings of the agent on this host do not let it start containers of others.',
        remedy: 'Restart what the message names by hand, or allow it on the host (`TRUNKLINE_CONTAINERS`).',
      },
      OwnerNotRunning: {
        means:
          'The container does not run. What shares its network stack has no network, or could not start.',
        remedy: 'Start the container. The agent then starts what shares its stack.',
      },
      MadeForEarlier: {
        means:
          'Containers were made for the network stack of a container that is gone. Docker starts them with no other, also with one of the same name.',
        remedy: 'Remove them by hand, and make them again with `--network container:<name>`.',
      },
    },
  },
} as const satisfies Record<string, ConditionKind>;

/** Reasons that only `Ready` of a container has, or that mean something else there. */
export const readyOfContainer = {
  Running: { means: 'The container runs with the addresses reserved for it.', remedy: nothingToDo },
  Starting: {
    means: 'The container is being started.',
    remedy: 'Wait. Where a start failed, the message has the error of Docker.',
  },
  Missing: {
    means: 'The container, or the Docker network of a placement, does not exist yet.',
    remedy: agentDoesIt,
  },
  ContainersOff: {
    means: 'The settings of the agent on this host let it run no containers. No server can override them.',
    remedy: 'Choose another host, or allow it there (`TRUNKLINE_CONTAINERS`).',
  },
  NetworkNotReady: {
    means: 'The container waits for one of its networks.',
    remedy: 'Look at the placement of that network on this host.',
  },
  TargetNotRunning: {
    means: 'The container shares the network of another container, which does not run on this host.',
    remedy: 'Start the other container, or create it with Trunkline.',
  },
  TargetReplaced: {
    means: 'The container whose network it shares was replaced, so this one is replaced as well.',
    remedy: agentDoesIt,
  },
  TargetRestarted: {
    means: 'The container whose network it shares was restarted, so this one is restarted as well.',
    remedy: agentDoesIt,
  },
  Replacing: {
    means:
      'The container was changed since it was made, so it is being replaced. One that runs goes on until its new image is there.',
    remedy: agentDoesIt,
  },
  Outdated: {
    means:
      'The container was made from a generation that was lost with a restored backup, or the Docker network of a placement is being replaced.',
    remedy:
      'For a container: change it (a label is enough), and it is replaced; or remove it and create it again.',
  },
  UpdateFailed: {
    means: 'Docker could not change the container.',
    remedy: 'The message has the error of Docker. The agent tries again.',
  },
  AddressRevoked: {
    means: 'The container runs with an address that was released by force, or that is in conflict.',
    remedy:
      'Read the address: it names who has it or claims it. Remove the container that should not have it, and create it again with another address.',
  },
  AddressMismatch: {
    means: 'The container runs, but not with the addresses reserved for it.',
    remedy: 'Remove the container and create it again.',
  },
  Exited: {
    means: 'The container ended, and its restart policy leaves it stopped.',
    remedy: 'Start it with `docker start`.',
  },
  Paused: { means: 'The container is paused.', remedy: 'Continue it with `docker unpause`.' },
  Restarting: { means: 'The container keeps ending.', remedy: 'Read `docker logs` of it.' },
  BeingRemoved: { means: 'Docker is removing the container. It is made again afterwards.', remedy: 'Wait.' },
  Dead: {
    means: 'Docker could not remove the container completely.',
    remedy: 'Remove it with `docker rm -f`.',
  },
  StateUnknown: {
    means: 'Docker reports a state of the container that this agent does not know.',
    remedy: 'Look at it with `docker inspect`.',
  },
  NameTaken: {
    means:
      'The name belongs to another container: to one that Trunkline did not create, or created for a container that it no longer has, as before the host was retired and joined again. It is not touched.',
    remedy: 'Remove it by hand (`docker rm -f`) once it is no longer needed, or rename it.',
  },
  Renamed: {
    means: 'The container runs under another name and has the address.',
    remedy: 'Rename it back with `docker rename`, or remove it by hand.',
  },
  Removing: { means: 'It is being removed from this host.', remedy: agentDoesIt },
  Removed: { means: 'It is not on this host any more.', remedy: nothingToDo },
  RemovalBlocked: {
    means: 'It should be removed, but is still in use; a container may run under another name.',
    remedy: 'The message says what is in the way.',
  },
  RemovalFailed: {
    means: 'It could not be removed.',
    remedy: 'The message has the error. The agent tries again.',
  },
  CreateFailed: {
    means: 'Docker refused to make the container.',
    remedy: 'The message has the error of Docker. The agent tries again.',
  },
  StartFailed: {
    means: 'Docker could not start the container.',
    remedy: 'The message has the error of Docker. The agent tries again.',
  },
} as const satisfies Record<string, ReasonKind>;
