import { addressPoolCondition } from './address-pool-condition.ts';
import { agentDoesIt, nothingToDo, type ConditionKind } from './condition-kind.ts';
import { networkReadyCondition } from './network-ready-condition.ts';

/** Conditions of a placement: of a network on one host. */
export const placementConditionTable = {
  ParentReady: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The parent interface exists, is up, has a carrier, and can carry containers.',
    good: 'True',
    reasons: {
      ParentUp: { means: 'The parent interface is up.', remedy: nothingToDo },
      ParentDown: { means: 'The parent interface is down.', remedy: agentDoesIt },
      ParentNoCarrier: {
        means: 'The parent interface is up but has no carrier.',
        remedy: 'Check the cable and the switch port.',
      },
      ParentMissing: {
        means: 'The host has no interface of that name.',
        remedy: 'Name an existing interface in `parent`, or in `parents` for this host.',
      },
      ParentUnusable: {
        means: 'The interface cannot carry containers: it is `lo`, or a port of a bond or bridge.',
        remedy: 'Name another interface; for a port, name its bond or bridge.',
      },
      ParentUpFailed: {
        means: 'The parent interface could not be set up.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
      NoDefaultRoute: {
        means: 'The network names no parent, and the host has no default route to take it from.',
        remedy: 'Name an interface in `parent`, or in `parents` for this host.',
      },
      ParentNotAllowed: {
        means:
          'The settings of the agent on this host do not allow networks on that interface. No server can override them.',
        remedy:
          'Name an allowed interface in `parent`, or in `parents` for this host; or allow it there (`TRUNKLINE_ALLOWED_PARENTS`).',
      },
      HostNeedsParent: {
        means: 'Mode `passthru` would give one container an interface that the host itself uses.',
        remedy: 'Name an interface that the host does not use, or use mode `bridge`.',
      },
    },
  },
  LinkReady: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The VLAN interface exists, has the right parent and VLAN, and is up. Only for VLAN networks.',
    good: 'True',
    inherits: ['ParentReady'],
    reasons: {
      LinkUp: { means: 'The VLAN interface that the agent made is up.', remedy: nothingToDo },
      LinkAdopted: {
        means: 'The VLAN interface was there before Trunkline, fits, and is used. It is never removed.',
        remedy: nothingToDo,
      },
      LinkMissing: { means: 'The VLAN interface does not exist yet.', remedy: agentDoesIt },
      LinkDown: { means: 'The VLAN interface is down.', remedy: agentDoesIt },
      LinkConflict: {
        means: 'An interface has the name but another parent, VLAN or kind. The agent does not touch it.',
        remedy: 'Rename that interface, or choose another VLAN.',
      },
      VlanUnsupported: {
        means: 'The kernel has no 802.1Q VLANs.',
        remedy: 'Install and load the module (modprobe 8021q), or use a network without a VLAN.',
      },
      LinkFailed: {
        means: 'The VLAN interface could not be made or changed.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
      LinkUpFailed: {
        means: 'The VLAN interface could not be set up.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
      LinkDownFailed: {
        means: 'An interface could not be set down again after a change was undone.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
    },
  },
  MtuReady: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The interface has the MTU that the network asks for. Only for networks with `mtu`.',
    good: 'True',
    reasons: {
      MtuSet: { means: 'The MTU is as asked for.', remedy: nothingToDo },
      MtuDiffers: { means: 'The VLAN interface has another MTU.', remedy: agentDoesIt },
      MtuAboveParent: {
        means: 'The parent has a smaller MTU, so the VLAN interface cannot have a larger one.',
        remedy: 'Raise the MTU of the parent and of the switch, or lower that of the network.',
      },
      MtuOfParent: {
        means: 'The network has no VLAN, so it has the MTU of its parent. The agent does not change that.',
        remedy: 'Set the MTU of the parent by hand, or use a VLAN.',
      },
      MtuOfAdopted: {
        means: 'The VLAN interface was there before Trunkline, so the agent does not change its MTU.',
        remedy: 'Set the MTU of that interface by hand.',
      },
      MtuRefused: {
        means: 'The kernel refused the MTU.',
        remedy: 'The message has the error of the kernel. Choose another MTU.',
      },
    },
  },
  Promiscuous: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The parent interface is promiscuous. Only for networks with `promiscuous`.',
    good: 'True',
    inherits: ['ParentReady'],
    reasons: {
      PromiscuousOn: { means: 'The parent interface is promiscuous.', remedy: nothingToDo },
      PromiscuousOff: { means: 'The parent interface is not promiscuous yet.', remedy: agentDoesIt },
      PromiscuousFailed: {
        means: 'The parent interface could not be made promiscuous.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
    },
  },
  Forwarding: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The host forwards IPv4. Only for networks with `forwarding`.',
    good: 'True',
    reasons: {
      ForwardingOn: { means: 'The host forwards IPv4.', remedy: nothingToDo },
      ForwardingOff: { means: 'The host does not forward IPv4 yet.', remedy: agentDoesIt },
      ForwardingFailed: {
        means: 'Forwarding could not be turned on.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
    },
  },
  RoutesClear: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means: 'The host routes the subnets over no other interface. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      NoOtherRoute: { means: 'No other route leads to the subnets.', remedy: nothingToDo },
      SubnetRoutedElsewhere: {
        means: 'The host sends traffic for a subnet to another interface. Containers still reach each other.',
        remedy: 'Choose another subnet, or remove the route.',
      },
    },
  },
  HostAccess: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means:
      'This host and its own containers on the network reach each other. Only for networks with `hostAccess`.',
    good: 'True',
    inherits: ['ParentReady', 'LinkReady', 'NetworkReady'],
    reasons: {
      HostAccessOn: {
        means: 'The shim is up, and every running container of this host on the network has its routes.',
        remedy: nothingToDo,
      },
      ShimMissing: {
        means:
          'The shim, the link of the host itself that leads to its containers, is missing, down or incomplete.',
        remedy: agentDoesIt,
      },
      RoutesMissing: {
        means: 'Routes between the host and a container are missing. `Ready` does not depend on it.',
        remedy: agentDoesIt,
      },
      ShimConflict: {
        means: 'An interface has the name of the shim and is not ours. The agent does not touch it.',
        remedy: 'Rename or remove that interface.',
      },
      NoHostAddress: {
        means:
          'The host has no address of an IP version that the network has. `Ready` depends on it only where the host has none of any.',
        remedy: 'Give the host an address of that version, or do without host access over it.',
      },
      HostAccessFailed: {
        means: 'The kernel refused the shim, a setting of it, or a route.',
        remedy: 'The message has the error of the kernel. The agent tries again.',
      },
    },
  },
  NetworkReady: networkReadyCondition,
  AddressPool: addressPoolCondition,
  AddressConflict: {
    on: ['placement'],
    reportedBy: ['agent'],
    means:
      'A foreign machine uses the address of a running container. Shown while it lasts, and once it has ended.',
    good: 'False',
    reasons: {
      ForeignStation: {
        means: 'A foreign machine answers for the address of a running container.',
        remedy: 'Find that machine and change its address, or start the container with another address.',
      },
      Ended: { means: 'No other machine answers for it any more.', remedy: nothingToDo },
    },
  },
  ManyStations: {
    on: ['placement'],
    reportedBy: ['server'],
    means:
      'The containers of the network on this host put many MACs on the LAN. Shown only while they do. `Ready` does not depend on it.',
    good: 'False',
    reasons: {
      ManyMacs: {
        means: 'The containers have as many MACs as TRUNKLINE_MANY_STATIONS, or more.',
        remedy:
          'Check that the switch port and the switch learn that many MACs. Spread the containers over hosts or networks, or raise the setting.',
      },
    },
  },
  NamesReady: {
    on: ['placement'],
    reportedBy: ['agent'],
    means:
      'The names of the network are in the hosts files of its containers on this host. Only for networks with `names`. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      NamesInPlace: { means: 'The names are in place.', remedy: nothingToDo },
      NamesNotHeard: {
        means: 'The agent has no names of other hosts yet. Those of this host are in place.',
        remedy: 'Wait, or check that the agent reaches the server.',
      },
      NamesCut: {
        means: 'The network has more names than fit. The names of this host come first.',
        remedy: 'Split the network, or use a name server for it.',
      },
      NamesNotWritten: {
        means: 'The hosts file of a container could not be read or written.',
        remedy: 'The message has the file and the error. The agent tries again with the next look.',
      },
    },
  },
  NamesUnique: {
    on: ['placement'],
    reportedBy: ['agent'],
    means:
      'No two containers of the network go by one name. Only for networks with `names`. `Ready` does not depend on it.',
    good: 'True',
    reasons: {
      NamesUnique: { means: 'Each name is one container.', remedy: nothingToDo },
      NameTwice: {
        means:
          'Two containers go by one name. A host takes its own container, else the one that runs longest.',
        remedy: 'Rename one of them; the message names both.',
      },
    },
  },
  ContainersAttached: {
    on: ['placement', 'preflight'],
    reportedBy: ['agent'],
    means:
      'Containers that were disconnected for a change of the network are connected again. Shown until then.',
    good: 'True',
    reasons: {
      Detached: {
        means: 'Containers were disconnected so that the network could be replaced.',
        remedy: agentDoesIt,
      },
      LeftBehind: {
        means:
          'Containers were stopped when the network was removed by hand, and still belong to the old one.',
        remedy: agentDoesIt,
      },
      AttachFailed: {
        means: 'A container could not be connected again.',
        remedy: 'The message has the error of Docker. The agent tries again.',
      },
    },
  },
} as const satisfies Record<string, ConditionKind>;
