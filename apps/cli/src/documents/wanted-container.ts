import { containerSettings, type Attachment, type Container } from '@trunkline/contracts';
import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What a document makes of a container that is there: what it leaves out has its default, and addresses that it does not name are
 * those that the container has. Texts are written as the server writes them.
 */
export function wantedContainer(document: Fields, current: Container): Fields {
  const settings = Object.entries(containerSettings).map(([name, { whenAbsent }]): [string, unknown] => [
    name,
    document[name] ?? whenAbsent ?? null,
  ]);
  return {
    ...document,
    name: document['name'],
    host: document['host'],
    ...Object.fromEntries(settings),
    labels: document['labels'] ?? {},
    attachments: attachmentsOf(document['attachments'] ?? [], current.attachments),
    networkMode: document['networkMode'] ?? null,
  };
}

function attachmentsOf(wanted: unknown, current: readonly Attachment[]): unknown {
  if (!Array.isArray(wanted)) return wanted;
  return wanted.map((one: unknown) => {
    if (typeof one !== 'object' || one === null) return one;
    const fields = one as Fields;
    const now = current.find(({ network }) => network === fields['network']);
    // On a network without IPv4 subnets `address` is the IPv6 one.
    const isV6 = typeof fields['address'] === 'string' && fields['address'].includes(':');
    const [v4, v6] = isV6 ? [undefined, fields['address']] : [fields['address'], fields['address6']];
    return {
      ...fields,
      address: v4 === undefined ? (now?.address ?? null) : canonicalIp(v4),
      address6: v6 === undefined ? (now?.address6 ?? null) : canonicalIp(v6),
      mac: fields['mac'] === undefined ? (now?.mac ?? null) : canonicalMac(fields['mac']),
    };
  });
}

function canonicalIp(value: unknown): unknown {
  const ip = typeof value === 'string' ? tryParseIp(value) : undefined;
  return ip === undefined ? value : formatIp(ip);
}

function canonicalMac(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseMac(value);
  } catch {
    return value;
  }
}
