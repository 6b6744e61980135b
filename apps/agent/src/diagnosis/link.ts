import type { HostFinding } from '@trunkline/contracts';
import { conflictOfVlan, type Link } from '../host/links.ts';
import type { Examiner } from './examiner.ts';
import { linksBelow, type Scene, type SceneNetwork } from './scene.ts';

/** Interfaces that the networks hang on. */
export const linkExaminer: Examiner = {
  area: 'link',
  begin: async (scene) => {
    const findings = await Promise.all(scene.networks.map(async (one) => await examineLink(one, scene)));
    const names = scene.networks.flatMap((one) => linksBelow(one, scene).map(({ name }) => name));
    const detail = `interfaces ${[...new Set(names)].join(', ') || 'none'}`;
    return () => ({ findings: findings.flat(), detail });
  },
};

async function examineLink(one: SceneNetwork, scene: Scene): Promise<HostFinding[]> {
  const { network, linkName } = one;
  if (one.link === null) return [missing(one, scene)];
  return [
    ...linksBelow(one, scene).flatMap((below) => stateOf(below)),
    ...masterOf(one.link, scene),
    ...vlanOf(one, scene),
    ...(await wifiOf(one, scene)),
    ...(network.promiscuous && !one.link.promiscuous && one.link.kind !== 'vlan'
      ? [notPromiscuous(linkName ?? '')]
      : []),
  ];
}

function missing({ network, linkName }: SceneNetwork, { observed }: Scene): HostFinding {
  const existing = observed.links.map(({ name }) => name).filter((name) => name !== 'lo');
  return {
    code: 'parent-missing',
    subject: linkName === null ? 'default route' : `interface ${linkName}`,
    message:
      linkName === null
        ? `${network.name} names no parent, and this host has no default route to take it from`
        : `this host has no interface ${linkName}, which ${network.name} hangs on`,
    evidence: [`interfaces of this host: ${existing.join(', ') || 'none but lo'}`],
    remedy: `set parents of ${network.name} for this host to one of them, or make the interface`,
  };
}

function stateOf(link: Link): HostFinding[] {
  const evidence = [
    `ip link show ${link.name}: ${link.up ? 'UP' : 'not UP'}, state ${link.operState}, carrier ${link.carrier ? 'yes' : 'no'}`,
  ];
  if (!link.up)
    return [
      {
        code: 'parent-down',
        subject: `interface ${link.name}`,
        message: `interface ${link.name} is down`,
        evidence,
        remedy: `ip link set ${link.name} up; then look for what set it down`,
      },
    ];
  // A link without a carrier of its own shows that of the one below, which is found by itself.
  if (link.carrier || link.operState === 'LOWERLAYERDOWN') return [];
  return [
    {
      code: 'no-carrier',
      subject: `interface ${link.name}`,
      message: `interface ${link.name} is up and has no carrier`,
      evidence,
      remedy: 'check the cable and the switch port; of a virtual machine, whether its NIC is connected',
    },
  ];
}

function masterOf(link: Link, { observed }: Scene): HostFinding[] {
  if (link.master === null) return [];
  const kind = observed.links.find(({ name }) => name === link.master)?.kind ?? 'bridge or bond';
  return [
    {
      code: 'parent-enslaved',
      subject: `interface ${link.name}`,
      message: `interface ${link.name} is a port of the ${kind} ${link.master}, which takes its frames`,
      evidence: [`ip link show ${link.name}: master ${link.master}`],
      remedy: `name ${link.master} as the parent on this host, or take the port out: ip link set ${link.name} nomaster`,
    },
  ];
}

function vlanOf({ network, link, linkName }: SceneNetwork, { observed }: Scene): HostFinding[] {
  if (network.vlan === null || link === null || linkName === null) return [];
  const parent = network.parent ?? observed.defaultRoute;
  const why = parent === null ? null : conflictOfVlan(link, { name: linkName, parent, vlan: network.vlan });
  if (why === null) return [];
  return [
    {
      code: 'vlan-differs',
      subject: `interface ${link.name}`,
      message: `interface ${link.name} is not VLAN ${network.vlan} of ${parent}: ${why}`,
      evidence: [
        `ip -d link show ${link.name}: ${link.kind ?? 'hardware'}, VLAN ${link.vlanId ?? 'none'}, on ${link.parent ?? 'nothing'}`,
      ],
      remedy: `remove it (ip link delete ${link.name}); the agent makes it again as it should be`,
    },
  ];
}

/** Wireless interfaces have this folder (cfg80211). */
async function wifiOf(one: SceneNetwork, scene: Scene): Promise<HostFinding[]> {
  const found = await Promise.all(
    linksBelow(one, scene).map(async ({ name }) => ({
      name,
      isWifi: (await scene.readFolder(`/sys/class/net/${name}/wireless`)).length > 0,
    })),
  );
  return found
    .filter(({ isWifi }) => isWifi)
    .map(({ name }) => ({
      code: 'wifi-parent' as const,
      subject: `interface ${name}`,
      message: `interface ${name} is a Wi-Fi interface: an access point drops frames with the MACs of containers`,
      evidence: [`/sys/class/net/${name}/wireless exists`],
      remedy: 'name a wired interface as the parent on this host',
    }));
}

const notPromiscuous = (name: string): HostFinding => ({
  code: 'promiscuous-off',
  subject: `interface ${name}`,
  message: `interface ${name} is not promiscuous, as the network asks`,
  evidence: [`ip link show ${name}: no PROMISC`],
  remedy: `ip link set ${name} promisc on; the agent does it as well. If it goes off again, look for what sets it off`,
});
