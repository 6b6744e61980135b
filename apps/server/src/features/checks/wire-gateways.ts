import type { WirePing, WireVerdict } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { WirePlan } from './wire-plan.ts';
import { nameOf, verdict } from './wire-words.ts';

/** What is wrong with the gateways, as the hosts see them. One that drops echo requests and answers ARP or ND is there. Pure. */
export function gatewayVerdicts(
  plan: WirePlan,
  seen: readonly { from: string; ping: WirePing }[],
): WireVerdict[] {
  return plan.gateways.flatMap(({ ip }) => {
    const those = seen.filter(({ ping }) => ping.address === ip);
    const answered = those.filter(({ ping }) => ping.mac !== null || ping.received > 0);
    const silent = those.filter((one) => !answered.includes(one)).map(({ from }) => from);
    const macs = [...new Set(answered.flatMap(({ ping }) => ping.mac ?? []))];
    return [
      ...(macs.length > 1
        ? [
            verdict(
              'gateway-two-macs',
              answered.map(({ from }) => from),
              `the gateway ${ip} of ${plan.network} answers with ${listed(macs)}: two machines have its address`,
              'find both on the switches and change the address of one',
            ),
          ]
        : []),
      ...(those.length > 0 && answered.length === 0
        ? [
            verdict(
              'gateway-silent',
              silent,
              `the gateway ${ip} of ${plan.network} answers no host, neither ARP or neighbour discovery nor ping`,
              `check that the router is up and has ${ip} on ${nameOf(plan.vlan)}, or change the gateway of ${plan.network}`,
            ),
          ]
        : []),
      ...(answered.length > 0 && silent.length > 0
        ? [
            verdict(
              'gateway-partly-silent',
              silent,
              `the gateway ${ip} of ${plan.network} answers ${listed(answered.map(({ from }) => from))} and not ${listed(silent)}`,
              `check the path from ${listed(silent)} to the router`,
            ),
          ]
        : []),
    ];
  });
}
