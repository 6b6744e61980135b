import type { DiagnosisFinding } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { DiagnosisEvidence } from './diagnosis-merge.ts';
import { findingOf } from './diagnosis-words.ts';

type Evidence = Pick<DiagnosisEvidence, 'plan' | 'answers' | 'wire'>;

/** The interface of a network on one host; of a host that is only the far end of the probes its MTU alone is known. */
interface SeenLink {
  host: string;
  name: string | null;
  mac: string | null;
  mtu: number;
}

/** What the interfaces of several hosts show only when they are put side by side. */
export function linkFindings(evidence: Evidence): DiagnosisFinding[] {
  return evidence.plan.networks.flatMap(({ id, name, mtu }) => {
    const links = linksOf(evidence, id);
    const twins = [...Map.groupBy(links, ({ mac }) => mac)].filter(
      ([mac, those]) => mac !== null && those.length > 1,
    );
    const mtus = new Set(links.map((one) => one.mtu));
    const about = { host: null, subject: `network ${name}`, evidence: links.slice(0, 32).map(inWords) };
    return [
      ...twins.map(([mac, those]) =>
        findingOf('duplicate-mac', {
          ...about,
          message: `${listed(those.map(({ host }) => host))} have one MAC, ${mac ?? ''}, on the interface of ${name}`,
        }),
      ),
      ...(mtu === null && mtus.size > 1
        ? [
            findingOf('mtu-differs', {
              ...about,
              message: `the interfaces of ${name} have different MTUs: ${listed(links.map((one) => `${one.mtu} on ${one.host}`))}`,
            }),
          ]
        : []),
    ];
  });
}

const inWords = ({ host, name, mac, mtu }: SeenLink): string =>
  name === null ? `the probe of ${host}: MTU ${mtu}` : `${host} ${name}: MAC ${mac ?? 'none'}, MTU ${mtu}`;

function linksOf({ plan, answers, wire }: Evidence, networkId: string): SeenLink[] {
  const seen = answers.flatMap(({ host, result }): SeenLink[] =>
    result.links.filter((link) => link.networkId === networkId).map((link) => ({ ...link, host })),
  );
  if (wire === null || plan.wire?.networkId !== networkId) return seen;
  const known = new Set(seen.map(({ host }) => host));
  const probed = wire.hosts.flatMap(({ host, mtu }): SeenLink[] =>
    mtu === null || known.has(host) ? [] : [{ host, name: null, mac: null, mtu }],
  );
  return [...seen, ...probed];
}
