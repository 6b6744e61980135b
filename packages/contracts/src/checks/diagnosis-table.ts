/** Parts of a host, of a network and of what runs there that a diagnosis looks at, in this order. */
export const diagnosisAreaTable = {
  state: 'Conditions of the host, its networks and containers, as the agent last reported them.',
  link: 'Interfaces that the networks hang on: there, up, with a carrier, MTU, MAC, VLAN, bridge or bond.',
  sysctl: 'Settings of the kernel that decide whether a packet is answered, forwarded or dropped.',
  firewall: 'Rules that drop packets, with their counters before and after the traffic of this diagnosis.',
  subnet: 'Addresses of the host, its routes and its Docker networks against the subnets of the networks.',
  container: 'Interfaces, addresses and routes inside the containers.',
  docker: 'The Docker Engine: whether it answers, what it lost, and how it is set.',
  security: 'Denials of SELinux and AppArmor in the log of the kernel.',
  files:
    'Files of the host that set up its interfaces, or the kernel below them, at the next boot or after it.',
  wire: 'Frames between the hosts and to the gateways, tried with probes that have addresses of their own.',
  traffic: 'Echo requests between the two containers.',
} as const satisfies Record<string, string>;
export type DiagnosisArea = keyof typeof diagnosisAreaTable;
export const diagnosisAreas = Object.keys(diagnosisAreaTable) as DiagnosisArea[];

/** What a diagnosis may find. */
interface DiagnosisKind {
  /** `error`: what was asked about does not work because of it. `warning`: it works now, or it may be the cause. */
  readonly severity: 'error' | 'warning';
  readonly area: DiagnosisArea;
  readonly means: string;
  readonly remedy: string;
}

/**
 * What a diagnosis may find, once, the most likely cause first: where one holds, those after it may be its consequence. Programs
 * may depend on the codes.
 */
export const diagnosisTable = {
  'host-offline': {
    severity: 'error',
    area: 'state',
    means: 'The server does not hear from the agent of a host, so nothing could be looked at there.',
    remedy: 'Check that the host is up, that the agent runs there, and that it reaches the server.',
  },
  'docker-silent': {
    severity: 'error',
    area: 'docker',
    means: 'Docker does not answer the agent.',
    remedy: 'Start Docker on the host, and read its log where it does not start.',
  },
  'parent-missing': {
    severity: 'error',
    area: 'link',
    means: 'The host has no interface of the name that the network hangs on.',
    remedy: 'Name an existing interface in `parent`, or in `parents` for this host.',
  },
  'parent-down': {
    severity: 'error',
    area: 'link',
    means: 'The interface that the network hangs on, or the one below it, is down.',
    remedy: 'Set it up, and look for what sets it down.',
  },
  'no-carrier': {
    severity: 'error',
    area: 'link',
    means: 'The interface is up and has no carrier.',
    remedy: 'Check the cable and the switch port; of a virtual machine, whether its NIC is connected.',
  },
  'parent-enslaved': {
    severity: 'error',
    area: 'link',
    means:
      'The interface is a port of a bridge or bond, which takes the frames that its containers should get.',
    remedy: 'Name the bridge or bond as the parent of the network, or take the port out of it.',
  },
  'vlan-differs': {
    severity: 'error',
    area: 'link',
    means:
      'The interface of the network carries another VLAN than the network has, or stands on another parent.',
    remedy: 'Remove that interface; the agent makes it again as it should be.',
  },
  'wifi-parent': {
    severity: 'error',
    area: 'link',
    means:
      'The parent is a Wi-Fi interface. An access point drops frames with MACs other than that of the client.',
    remedy: 'Use a wired interface.',
  },
  'duplicate-mac': {
    severity: 'error',
    area: 'link',
    means: 'Two hosts have one MAC on the interface of the network: switches send to one of them only.',
    remedy: 'Give one of them another MAC. Cloned virtual machines often have the MAC of their template.',
  },
  'packets-dropped': {
    severity: 'error',
    area: 'firewall',
    means: 'A rule dropped or rejected packets of this diagnosis: its counter rose while they were sent.',
    remedy: 'Remove or change the rule, or put one that accepts this traffic in front of it.',
  },
  'packets-may-be-dropped': {
    severity: 'warning',
    area: 'firewall',
    means:
      'A rule or policy on the path of this traffic drops packets. Packets were lost and it has no counter, or it counted some and nothing was seen to be lost.',
    remedy: 'Take it out for a moment, or give it a counter, and run the diagnosis again.',
  },
  'bridge-calls-iptables': {
    severity: 'warning',
    area: 'firewall',
    means:
      'The parent is a bridge, frames that it forwards go through iptables, and its FORWARD chain drops by default.',
    remedy:
      'Accept traffic of this bridge in the FORWARD chain (with Docker: in DOCKER-USER), or set net.bridge.bridge-nf-call-iptables to 0.',
  },
  'source-filtered': {
    severity: 'error',
    area: 'sysctl',
    means:
      'Reverse path filtering dropped packets of this diagnosis: they came in over another interface than the answer would leave by.',
    remedy:
      'Set rp_filter to 2 (loose) or 0 where the message says, or give the container one route for both ways.',
  },
  'arp-not-answered': {
    severity: 'error',
    area: 'sysctl',
    means: 'arp_ignore or arp_filter is set so that addresses are not answered for.',
    remedy: 'Set it to 0 where the message says.',
  },
  'ipv6-disabled': {
    severity: 'error',
    area: 'sysctl',
    means: 'A container has an IPv6 address of the network, and disable_ipv6 is set inside it.',
    remedy: 'Run it without that sysctl.',
  },
  'echo-ignored': {
    severity: 'error',
    area: 'sysctl',
    means:
      'A container answers no ping, because icmp_echo_ignore_all is set inside it. Other traffic may pass.',
    remedy: 'Set it to 0, or try with a TCP port.',
  },
  'not-as-wanted': {
    severity: 'error',
    area: 'state',
    means:
      'The agent reports that the network or container is not as it should be, for the reason in the message.',
    remedy: 'The evidence has the condition with its reason; /docs/conditions says what to do for each.',
  },
  'docker-network-missing': {
    severity: 'error',
    area: 'docker',
    means: 'Docker has no such network on the host.',
    remedy: 'Look at the conditions of the placement; the agent makes it again where it can.',
  },
  'docker-network-differs': {
    severity: 'error',
    area: 'docker',
    means: 'The Docker network of the host is not what the network says: parent, subnet, gateway or mode.',
    remedy: 'Remove its containers; the agent then replaces it. Or change the network with `?force=true`.',
  },
  'docker-lost-containers': {
    severity: 'error',
    area: 'docker',
    means:
      'Containers hang on a Docker network that Docker no longer has, or Docker counts endpoints that are gone.',
    remedy: 'Restart Docker on the host.',
  },
  'container-missing': {
    severity: 'error',
    area: 'container',
    means: 'Docker has no such container on its host.',
    remedy: 'Look at the conditions of the container; the agent makes it again where it can.',
  },
  'container-stopped': {
    severity: 'error',
    area: 'container',
    means: 'The container does not run.',
    remedy: 'Start it. The evidence has what Docker says of its last end.',
  },
  'container-not-attached': {
    severity: 'error',
    area: 'container',
    means:
      'The container is on no network of Trunkline: it has no network, that of the host, or another one.',
    remedy: 'Connect it to the network, or make it again with `--network`.',
  },
  'interface-gone': {
    severity: 'error',
    area: 'container',
    means: 'Docker shows the container on the network, and the kernel has no such interface in it.',
    remedy:
      'Restart the container. Something removed the interface below it, which the history of the parent shows.',
  },
  'interface-down': {
    severity: 'error',
    area: 'container',
    means: 'The interface inside the container is down.',
    remedy: 'Restart the container, or set the interface up inside it.',
  },
  'address-differs': {
    severity: 'error',
    area: 'container',
    means:
      'The interface inside the container has another address than Docker and the address book have for it.',
    remedy: 'Restart the container, and look for what changes addresses inside it.',
  },
  'interface-differs': {
    severity: 'error',
    area: 'container',
    means:
      'The interface inside the container is set otherwise than Docker sets it: it answers no ARP, or has another macvlan mode.',
    remedy: 'Restart the container, and look for what changes interfaces inside it.',
  },
  'route-blocked': {
    severity: 'error',
    area: 'container',
    means:
      'A route, a routing rule or an IPsec policy inside the container keeps its packets from an address.',
    remedy: 'Take it out inside the container, or restart the container and look for what sets it.',
  },
  'neighbour-fixed': {
    severity: 'error',
    area: 'container',
    means:
      'A neighbour entry that was set by hand inside the container decides which MAC gets the packets for an address, and they were lost.',
    remedy: 'Delete the entry inside the container, and look for what sets it.',
  },
  'default-route-elsewhere': {
    severity: 'warning',
    area: 'container',
    means:
      'The container is on several networks and its packets leave over another one, or it has no default route.',
    remedy:
      'Restart the container. Put the network whose gateway it should use first among its attachments, or use an Engine that knows gateway priorities (28).',
  },
  'not-forwarding': {
    severity: 'error',
    area: 'container',
    means: 'Others route over the container, and it does not forward.',
    remedy: 'Run it with the sysctl net.ipv4.ip_forward=1.',
  },
  'address-on-two': {
    severity: 'error',
    area: 'subnet',
    means: 'Two running containers have one address or one MAC, or a container has an address of a host.',
    remedy: 'Stop one of them and start it with another address; take the address off the host.',
  },
  'address-foreign': {
    severity: 'error',
    area: 'wire',
    means: 'A machine that is none of ours answers for the address of a container.',
    remedy:
      'Find the machine by its MAC on the switches and change its address, or start the container with another one.',
  },
  'address-unbooked': {
    severity: 'warning',
    area: 'subnet',
    means:
      'A container runs on an address that is not its own in the address book, or in no subnet of the network.',
    remedy: 'Restart the container with another address.',
  },
  'subnet-mask-differs': {
    severity: 'warning',
    area: 'subnet',
    means: 'The host has an address of the subnet with another prefix length than the network says.',
    remedy: 'Use the prefix length that the LAN has, in the network or on the host.',
  },
  'subnet-routed-elsewhere': {
    severity: 'warning',
    area: 'subnet',
    means: 'The host routes the subnet, or a part of it, over another interface.',
    remedy: 'Choose another subnet, or remove the route.',
  },
  'promiscuous-off': {
    severity: 'warning',
    area: 'link',
    means: 'The network asks for a promiscuous parent, and it is not promiscuous.',
    remedy: 'The agent sets it. If it goes off again, look for what sets it off.',
  },
  'mtu-differs': {
    severity: 'warning',
    area: 'link',
    means:
      'The interfaces of the hosts have different MTUs, or that of a container is smaller than the one below it, so large packets may not pass.',
    remedy:
      'Set one MTU on all of them, or the `mtu` of a VLAN network. A container takes it over when it is started again.',
  },
  'hypervisor-filters': {
    severity: 'error',
    area: 'wire',
    means:
      'A virtual machine whose containers are not heard, or hear nothing: the hypervisor drops frames with MACs that it does not know.',
    remedy:
      'Allow forged transmits, promiscuous mode and MAC changes (VMware), MAC address spoofing (Hyper-V), or turn the MAC filter off (Proxmox, libvirt) for its NIC; connect it by a bridge and not by NAT.',
  },
  'vlan-missing': {
    severity: 'error',
    area: 'wire',
    means: 'A VLAN does not pass between hosts that reach each other on another network of the same parent.',
    remedy: 'Allow the VLAN on the switch ports of these hosts, and on the switches between them.',
  },
  'frames-not-sent': {
    severity: 'error',
    area: 'wire',
    means: 'Nobody hears what a host sends with the MAC of its probe, and it hears the others.',
    remedy: 'Look for port security on its switch port.',
  },
  'frames-not-received': {
    severity: 'error',
    area: 'wire',
    means: 'A host hears nobody, and the others hear it.',
    remedy: 'Set the NIC promiscuous (the field `promiscuous` of the network), and look at the switch port.',
  },
  'no-path': {
    severity: 'error',
    area: 'wire',
    means: 'Two hosts do not hear each other in either direction.',
    remedy: 'Check that they are on one LAN and VLAN, and that virtual machines are bridged to it.',
  },
  'one-way': {
    severity: 'error',
    area: 'wire',
    means: 'Of two hosts one hears the other, and not the other way round.',
    remedy: 'Look for port security or a filter on the path of the missing direction.',
  },
  'not-answered': {
    severity: 'error',
    area: 'wire',
    means: 'Two hosts hear each other, but what one sends to the MAC of the other alone is not answered.',
    remedy: 'Look for private VLANs, client isolation or a filter of unknown unicast on the path.',
  },
  'packets-lost': {
    severity: 'error',
    area: 'wire',
    means: 'Some echo requests between two hosts have no reply.',
    remedy: 'Check cables, duplex and load of the path.',
  },
  'packets-cut': {
    severity: 'error',
    area: 'wire',
    means: 'Two hosts reach each other, but not with packets as large as the MTU.',
    remedy: 'Raise the MTU of the switches on the path, or set the `mtu` of the network to what passes.',
  },
  'gateway-two-macs': {
    severity: 'error',
    area: 'wire',
    means: 'Hosts hear different MACs for the gateway of a subnet.',
    remedy: 'Find both machines on the switches and change the address of one.',
  },
  'gateway-silent': {
    severity: 'warning',
    area: 'wire',
    means: 'The gateway of a subnet answers no host.',
    remedy:
      'Check that the router is up and has the address on this VLAN, or change the `gateway` of the subnet.',
  },
  'gateway-partly-silent': {
    severity: 'error',
    area: 'wire',
    means: 'The gateway of a subnet answers some of the hosts.',
    remedy: 'Check the path from the hosts that it does not answer to the router.',
  },
  'address-taken': {
    severity: 'warning',
    area: 'wire',
    means: 'A foreign station answers for an address that is free in the address book.',
    remedy: 'Find that machine and change its address, or take the address out of the ranges.',
  },
  'not-tried': {
    severity: 'warning',
    area: 'wire',
    means: 'A host could not put a probe on the network.',
    remedy: 'The message says why.',
  },
  'no-answer': {
    severity: 'error',
    area: 'traffic',
    means: 'One container does not reach the other. What stands before it in the list is the likely cause.',
    remedy: 'Mend what stands before it, then run the diagnosis again.',
  },
  'access-denied': {
    severity: 'warning',
    area: 'security',
    means: 'SELinux or AppArmor denied something to Docker, to a container or to the agent.',
    remedy: 'Allow it in the policy; the evidence has the line of the log.',
  },
  'clock-off': {
    severity: 'warning',
    area: 'state',
    means: 'The clock of the host differs from that of the server.',
    remedy: 'Run a time service (NTP) on the host.',
  },
  'undone-at-boot': {
    severity: 'warning',
    area: 'files',
    means:
      'A file of the host will undo an interface of ours at the next boot: set it down, remove or rename it, make it a port of another, take its MTU, VLAN or promiscuous mode; or it keeps a module from being loaded, or sets the kernel so that nothing answers.',
    remedy: 'Change the line that the evidence names, or leave the interface to the agent.',
  },
} as const satisfies Record<string, DiagnosisKind>;
export type DiagnosisCode = keyof typeof diagnosisTable;

/** Every code, the most likely cause first. */
export const diagnosisCodes = Object.keys(diagnosisTable) as DiagnosisCode[];
