import type { HostFinding } from '@trunkline/contracts';
import type { ProbeAnswer, ProbeRequest } from '../wire/address-probe.ts';
import { placesOf } from './container-place.ts';
import type { Examiner } from './examiner.ts';
import { extraAddresses, type ExtraAddress } from './extra-addresses.ts';
import { ownGateways } from './places.ts';
import type { Scene } from './scene.ts';

/** Addresses that are asked for, at most: each waits for a second, all at once. */
const maxAsked = 64;

/** How often an address is asked for that could not be asked for. */
const maxTries = 3;

/** Who answers on the wire for the addresses of the containers that are asked about, besides them, and for the gateways. */
export const holdersExaminer: Examiner = {
  area: 'wire',
  begin: async (scene) => {
    // Nothing that is sent meanwhile is harmed by it.
    const asking = Promise.all([
      Promise.all(heldBy(scene).map((one) => askHolder(one, scene))),
      Promise.all(gatewaysOf(scene).map((one) => askGateway(one, scene))),
      extraAddresses(scene).then((all) =>
        Promise.all(all.slice(0, maxAsked).map((one) => askExtra(one, scene))),
      ),
    ]);
    asking.catch(() => undefined);
    return async () => {
      const asked = (await asking).flat();
      const failures = [...new Set(asked.flatMap(({ failure }) => failure ?? []))];
      const findings = asked.flatMap(({ found }) => found ?? []);
      if (asked.length > 0 && asked.every(({ failure }) => failure !== null))
        throw new Error(failures.join('; '));
      const detail = [`who answers for ${asked.length} addresses of containers and gateways`, ...failures];
      return { findings, detail: detail.join('; not asked: ') };
    };
  },
};

interface Asked {
  readonly found: HostFinding | null;
  /** Why the wire could not be asked; null: it was. */
  readonly failure: string | null;
}

interface Held {
  readonly container: string;
  readonly network: string;
  readonly link: string;
  readonly ip: string;
  readonly mac: string;
}

/** Addresses of running containers of the diagnosis on links of its networks. */
function heldBy({ containers, networks, observed }: Scene): readonly Held[] {
  const docker = observed.docker.reachable ? observed.docker.networks : [];
  return containers
    .flatMap(({ name, detail }): Held[] => {
      if (detail?.pid == null) return [];
      return placesOf(detail, networks, docker).flatMap(({ endpoint: { ipv4, ipv6, mac }, network }) => {
        const link = networks.find((one) => one.network === network)?.linkName ?? null;
        if (network === null || link === null || mac === null || network.mode === 'passthru') return [];
        const ips = [ipv4, ipv6].filter((ip) => ip !== null);
        return ips.map((ip) => ({ container: name, network: network.name, link, ip, mac }));
      });
    })
    .slice(0, maxAsked);
}

async function askHolder({ container, network, link, ip, mac }: Held, scene: Scene): Promise<Asked> {
  const answer = await ask({ link, ip, known: [mac] }, scene);
  if (answer.answer !== 'taken') return without(answer);
  return {
    failure: null,
    found: {
      code: 'address-foreign',
      subject: `address ${ip} of network ${network}`,
      message: `besides container ${container} (${mac}), ${answer.mac} answers for ${ip} on ${link}`,
      evidence: [
        `docker inspect ${container}: ${ip}, MAC ${mac}`,
        `asked on ${link} who has ${ip}: ${answer.mac} answered`,
      ],
      remedy: `find the machine with the MAC ${answer.mac} on the switches and change its address, or start ${container} with another one`,
      mac: answer.mac,
    },
  };
}

/** Where nobody else answers, it is for whoever set it to know what for. */
async function askExtra(extra: ExtraAddress, scene: Scene): Promise<Asked> {
  const { container, network, link, ip, mac } = extra;
  const answer = await ask({ link, ip, known: [mac] }, scene);
  if (answer.answer !== 'taken') return without(answer);
  const inside = `${ip}/${extra.prefixLength} dev ${extra.interface}`;
  return {
    failure: null,
    found: {
      code: 'address-foreign',
      subject: `address ${ip} of network ${network}`,
      message: `container ${container} has ${ip} on its interface ${extra.interface}, which Docker did not give it, and ${answer.mac} answers for it on ${link}`,
      evidence: [
        `ip address show inside ${container}: ${inside}`,
        `asked on ${link} who has ${ip}: ${answer.mac} answered`,
      ],
      remedy: `ip address del ${inside} inside ${container}, or restart that container; then look for what sets it`,
    },
  };
}

interface Gateway {
  readonly network: string;
  readonly link: string;
  readonly ip: string;
}

function gatewaysOf(scene: Scene): readonly Gateway[] {
  const own = ownGateways(scene);
  return scene.networks
    .flatMap(({ network, linkName: link }) =>
      network.mode === 'passthru'
        ? []
        : network.subnets.flatMap(({ gateway: ip }) =>
            ip === null || link === null || own.has(ip) ? [] : [{ network: network.name, link, ip }],
          ),
    )
    .slice(0, maxAsked);
}

/** Asked twice: the second time without the one that answered first. That nobody does is found by the probes. */
async function askGateway({ network, link, ip }: Gateway, scene: Scene): Promise<Asked> {
  const first = await ask({ link, ip }, scene);
  if (first.answer !== 'taken') return without(first);
  const second = await ask({ link, ip, known: [first.mac] }, scene);
  if (second.answer !== 'taken') return without(second);
  return {
    failure: null,
    found: {
      code: 'gateway-two-macs',
      subject: `gateway ${ip} of network ${network}`,
      message: `two machines answer for the gateway ${ip} of ${network}: ${first.mac} and ${second.mac}`,
      evidence: [`asked on ${link} who has ${ip}: ${first.mac} and ${second.mac} answered`],
      remedy: `find both machines on the switches and change the address of one`,
    },
  };
}

/** Again where it could not be asked: a probe may have ended in between. */
async function ask(request: ProbeRequest, { recheck, signal }: Scene): Promise<ProbeAnswer> {
  for (let left = maxTries; ; left -= 1) {
    const answer = await recheck(request, signal);
    if (answer.answer !== 'unknown' || left <= 1) return answer;
  }
}

const without = (answer: ProbeAnswer): Asked => ({
  found: null,
  failure: answer.answer === 'unknown' ? answer.reason : null,
});
