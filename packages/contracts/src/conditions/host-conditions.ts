import { nothingToDo, type ConditionKind } from './condition-kind.ts';

/** Conditions of a host. */
export const hostConditionTable = {
  AgentConnected: {
    on: ['host'],
    reportedBy: ['server'],
    means: 'The agent of the host reports to the server.',
    good: 'True',
    reasons: {
      AgentHeard: { means: 'The agent reports.', remedy: nothingToDo },
      AgentSilent: {
        means: 'The server has not heard from the agent for a while. What runs on the host keeps running.',
        remedy: 'Check that the host is up, that the agent runs there, and that it reaches the server.',
      },
      ClockOff: {
        means:
          'The agent is heard and refused, because the clock of the host differs too much from that of the server. What runs on the host keeps running.',
        remedy: 'Set the clock of the host, and run a time service (NTP) there.',
      },
    },
  },
  IdentityUnique: {
    on: ['host'],
    reportedBy: ['server'],
    means: 'One agent uses the identity of this host. Shown only when another one did.',
    good: 'True',
    reasons: {
      TwoAgents: {
        means: 'Two agents report with the same identity. The host was probably cloned.',
        remedy: 'Stop the copy, remove its state directory, and let it join with a join token of its own.',
      },
    },
  },
  LeasesCompared: {
    on: ['host'],
    reportedBy: ['server'],
    means: 'The host has compared its leases with a database that was restored. Shown only while it has not.',
    good: 'True',
    reasons: {
      WaitedFor: {
        means: 'No address is assigned anywhere before this host has compared its leases.',
        remedy:
          'Check that its agent runs and reaches the server. Where its log says `host_not_joined`, retire the host and let it join again. Or release the host from the recovery (POST /v1/recovery/hosts/{name}/release).',
      },
      LetGo: {
        means: 'An operator released the host from the recovery, and it has not compared its leases since.',
        remedy:
          'Start its agent as soon as possible: addresses that it got after the backup may be assigned again.',
      },
    },
  },
  LeasesUsed: {
    on: ['host'],
    reportedBy: ['server'],
    means: 'Containers use the addresses that the host holds. Shown only when many are unused.',
    good: 'True',
    reasons: {
      ManyUnused: {
        means: 'The host holds many addresses that no container was seen on.',
        remedy: 'Read the log of its agent, and restart the agent.',
      },
    },
  },
  DockerReachable: {
    on: ['host'],
    reportedBy: ['agent'],
    means: 'Docker on the host answers.',
    good: 'True',
    reasons: {
      DockerAnswers: { means: 'Docker answers.', remedy: nothingToDo },
      DockerSlow: {
        means: 'Docker answers, but a look at it takes more than 5 seconds.',
        remedy: 'Find out what keeps the host busy (top, iostat).',
      },
      DockerUnreachable: {
        means: 'Docker does not answer.',
        remedy: 'Start Docker, or name its socket in TRUNKLINE_DOCKER_SOCKET.',
      },
    },
  },
  KernelReady: {
    on: ['host'],
    reportedBy: ['agent'],
    means: 'The kernel of the host can make macvlan interfaces.',
    good: 'True',
    reasons: {
      MacvlanThere: { means: 'The kernel has macvlan.', remedy: nothingToDo },
      KernelTooOld: { means: 'The kernel is older than Linux 3.9.', remedy: 'Update the kernel.' },
      MacvlanMissing: {
        means: 'The kernel has no macvlan module.',
        remedy: "Install the kernel's modules; some distributions have a separate package for them.",
      },
    },
  },
  VlanReady: {
    on: ['host'],
    reportedBy: ['agent'],
    means: 'The kernel of the host can make VLAN interfaces. `Ready` depends on it only with VLAN networks.',
    good: 'True',
    reasons: {
      VlansThere: { means: 'The kernel has 802.1Q VLANs.', remedy: nothingToDo },
      VlanUnsupported: {
        means: 'The kernel has no 802.1Q VLANs.',
        remedy: 'Install and load the module (modprobe 8021q), or use a network without a VLAN.',
      },
    },
  },
  WireProbed: {
    on: ['host'],
    reportedBy: ['agent'],
    means:
      'The agent probes an address on the wire before a container gets it. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      ToolsThere: { means: 'The tools for probing are installed.', remedy: nothingToDo },
      ToolsMissing: {
        means: 'Addresses are assigned without a probe, because a tool is missing.',
        remedy: 'Install the packages that the message names.',
      },
    },
  },
  AddressesAnnounced: {
    on: ['host'],
    reportedBy: ['agent'],
    means: 'Neighbours learn the MAC of a container as soon as it starts. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      EngineAnnounces: { means: 'Docker announces the addresses of containers.', remedy: nothingToDo },
      AgentAnnounces: {
        means: 'Docker is older than 28, so the agent announces the addresses.',
        remedy: nothingToDo,
      },
      ToolsMissing: {
        means:
          'Nobody announces the addresses: Docker is older than 28, and a tool is missing. Neighbours may use an old MAC until their ARP entry expires.',
        remedy: 'Install the packages that the message names, or update Docker to 28.',
      },
      AnnounceFailed: {
        means:
          'The agent could not announce an address. Neighbours may use an old MAC until their ARP entry expires.',
        remedy: 'Restart the container, or ping the gateway from it.',
      },
    },
  },
  NameServer: {
    on: ['host'],
    reportedBy: ['agent'],
    means:
      'The agent answers DNS questions about names of containers. Shown only where TRUNKLINE_DNS_LISTEN is set. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      Listening: { means: 'The agent listens for questions.', remedy: nothingToDo },
      CannotListen: {
        means: 'The agent cannot listen at the address and port of TRUNKLINE_DNS_LISTEN. It tries again.',
        remedy: 'The message says why: free the port, or set TRUNKLINE_DNS_LISTEN to an address of the host.',
      },
    },
  },
  AddressDriver: {
    on: ['host'],
    reportedBy: ['agent'],
    means: 'Docker can get addresses of Trunkline networks from the agent.',
    good: 'True',
    reasons: {
      Serving: { means: 'The agent answers Docker.', remedy: nothingToDo },
      NotServing: {
        means: 'Docker cannot reach the agent. No container starts on a Trunkline network of this host.',
        remedy: 'The message says why. See the log of the agent.',
      },
      LeasesNotWritable: {
        means:
          'The agent cannot write the leases of the host to its disk, so it assigns no address. What runs keeps running.',
        remedy:
          'Free space on the disk of the state directory, or make it writable. The agent then continues by itself.',
      },
      StateRestored: {
        means: 'The state of the agent is older than the agent, so it assigns no address yet.',
        remedy: 'Let the agent reach the server: it compares what it holds, and then continues.',
      },
      ServerAway: {
        means: 'The agent cannot reach the server. It assigns the addresses that the host already holds.',
        remedy: 'Check the network between the host and the server.',
      },
    },
  },
} as const satisfies Record<string, ConditionKind>;
