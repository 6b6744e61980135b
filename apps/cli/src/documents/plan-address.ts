import { isDeepStrictEqual } from 'node:util';
import { Address, type AddressByOwner } from '@trunkline/contracts';
import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';
import { collect } from '../lib/collect.ts';
import { misuse } from '../lib/failure.ts';
import { textField, type WantedDocument } from './parse-documents.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { type Plan, type PlanDocument, type Planning } from './plan.ts';

/** What operators write of an address, by the names that the API shows it with. */
const written = ['network', 'ip', 'owner', 'requestedMac', 'claim', 'forHost', 'labels'] as const;
type Written = Readonly<Partial<Record<(typeof written)[number], unknown>>>;

/** An address is reserved for its owner. One without an owner, or of a container, is nobody's to write. */
export const planAddress: PlanDocument = async (document, planning) => {
  const network = textField(document, 'network');
  const wanted = readFields(document);
  const { owner } = wanted;
  if (typeof owner !== 'string' || owner.startsWith('container:'))
    return unowned(document, network, wanted, planning);
  const list = planning.made.has(`network/${network}`)
    ? []
    : await collect(planning.client.addresses.all(network, { owner }));
  const current =
    wanted.ip === undefined
      ? list[0]
      : (list.find(({ ip }) => ip === wanted.ip) ?? list.find(sameFamily(wanted)));
  const body = requestFor(wanted);
  const write = () => planning.client.addresses.byOwner(network, owner, body);
  if (current !== undefined) {
    const before = shown(current);
    const after = { ...before, ...wanted };
    const ref = `address/${network}/${current.ip}`;
    if (isDeepStrictEqual(before, after)) return { ...quiet, ref, action: 'none', before, after, write };
    // The server refuses another address for an owner who has one, also in a dry run.
    await planning.client.addresses.byOwner(network, owner, body, { dryRun: true });
    return { ...quiet, ref, action: 'change', before, after, write };
  }
  if (!planning.made.has(`network/${network}`))
    await planning.client.addresses.byOwner(network, owner, body, { dryRun: true });
  const name = typeof wanted.ip === 'string' ? wanted.ip : owner;
  return {
    ...quiet,
    ref: `address/${network}/${name}`,
    action: 'create',
    before: null,
    after: wanted,
    write,
  };
};

const quiet = { preflight: [] } as const;

/** Whether an address is of the IP version that the document names. */
const sameFamily =
  ({ ip }: Written) =>
  (address: Address): boolean =>
    address.ip.includes(':') === (typeof ip === 'string' && ip.includes(':'));

/** A document that cannot be written, as `get` prints it: nothing to do while the address is still so. */
async function unowned(
  { where }: WantedDocument,
  network: string,
  wanted: Written,
  { client }: Planning,
): Promise<Plan> {
  const { ip } = wanted;
  const current = typeof ip === 'string' ? await unlessMissing(client.addresses.get(network, ip)) : undefined;
  const before = current === undefined ? undefined : shown(current.body);
  if (before === undefined || typeof ip !== 'string' || !isDeepStrictEqual(before, { ...before, ...wanted }))
    throw misuse(
      `${where}: only an address with an \`owner\` of yours can be written: what hosts and containers hold is theirs`,
    );
  return {
    ...quiet,
    ref: `address/${network}/${ip}`,
    action: 'none',
    before,
    after: before,
    write: async () => undefined,
  };
}

/** What the document says, as the server writes it. */
function readFields({ fields, where }: WantedDocument): Written {
  const unknown = Object.keys(fields).find((key) => !Object.hasOwn(Address.properties, key));
  if (unknown !== undefined) throw misuse(`${where}: an address has no field \`${unknown}\``);
  const { ip, requestedMac } = fields;
  const parsed = typeof ip === 'string' ? tryParseIp(ip) : undefined;
  if (ip !== undefined && parsed === undefined) throw misuse(`${where}: \`ip\` is no IP address`);
  return {
    ...Object.fromEntries(
      written.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]),
    ),
    claim: fields['claim'] ?? 'owner',
    labels: fields['labels'] ?? {},
    ...(parsed === undefined ? {} : { ip: formatIp(parsed) }),
    ...(typeof requestedMac === 'string' ? { requestedMac: canonicalMac(requestedMac, where) } : {}),
  };
}

function canonicalMac(text: string, where: string): string {
  try {
    return parseMac(text);
  } catch {
    throw misuse(`${where}: \`requestedMac\` is no Ethernet address`);
  }
}

const shown = (address: Address): Record<string, unknown> =>
  Object.fromEntries(written.map((name) => [name, address[name]]));

function requestFor({ ip, requestedMac, claim, forHost, labels }: Written): AddressByOwner {
  const values = { address: ip, mac: requestedMac, claim, forHost, labels };
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null),
  );
}
