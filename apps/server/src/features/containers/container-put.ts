import {
  containerServerFields,
  containerSettings,
  type ContainerCreate,
  type ContainerPut,
} from '@trunkline/contracts';
import { formatIp, parseMac, tryParseIp } from '@trunkline/netaddr';
import { canonicalIp } from '../../platform/database/inet.ts';
import { invalidFields, type FieldError } from '../../platform/errors.ts';
import { changedServerFields } from '../../platform/server-fields.ts';
import { wholeValues } from '../../platform/settings.ts';
import type { ContainerFields } from './container-fields.ts';
import { networkModeOf } from './container-view.ts';
import type { ContainerRow } from './containers.store.ts';

type AttachmentPut = NonNullable<ContainerPut['attachments']>[number];

const again = 'remove the container and run it again';

/** The request that makes a container as the body of a PUT has it: null is the same as leaving a field out. */
export function creationOf(body: ContainerPut): ContainerCreate {
  const names = ['name', 'host', 'labels', 'networkMode', ...Object.keys(containerSettings)] as const;
  const given = names.map((name) => [name, body[name as keyof ContainerPut]] as const);
  return {
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== null)),
    ...(body.attachments === undefined || body.attachments.length === 0
      ? {}
      : { attachments: body.attachments.map(attachmentOf) }),
  } as ContainerCreate;
}

function attachmentOf({ network, address, address6, mac }: AttachmentPut): AttachmentPut & {
  address?: string;
} {
  const values = Object.entries({ address, address6, mac }).filter(([, value]) => value != null);
  return { network, ...Object.fromEntries(values) };
}

/**
 * What a PUT makes of a container that is there. Throws where it says otherwise what only the server writes, or what a container keeps:
 * its host, its networks and addresses, and the stack that it shares.
 */
export function changedFields(body: ContainerPut, row: ContainerRow): ContainerFields {
  const faults: FieldError[] = [
    ...changedServerFields(containerServerFields, body, {
      ...row,
      deletingSince: row.deletingSince?.toISOString() ?? null,
      createdAt: row.createdAt.toISOString(),
    }),
    ...attachmentFaults(body.attachments, row),
  ];
  if (body.host !== row.host.name)
    faults.push({
      pointer: '/host',
      message: `must be ${row.host.name}: a container keeps its host; ${again}`,
    });
  const mode = networkModeOf(row);
  if (body.networkMode !== undefined && body.networkMode !== mode)
    faults.push({
      pointer: '/networkMode',
      message: `must be ${mode ?? 'null'}: a container keeps its network stack; ${again}`,
    });
  if (mode !== null && body.hostname != null)
    faults.push({
      pointer: '/hostname',
      message: 'cannot be used with networkMode: the host name belongs to the stack that is shared',
    });
  if (faults.length > 0) throw invalidFields(faults);
  return { ...wholeValues(containerSettings, body), labels: body.labels ?? {} };
}

function attachmentFaults(sent: ContainerPut['attachments'], { attachments }: ContainerRow): FieldError[] {
  if (sent === undefined) return [];
  const networks = attachments.map(({ network }) => network.name);
  if (sent.length !== networks.length || sent.some(({ network }, i) => network !== networks[i])) {
    const kept = networks.length === 0 ? 'be empty' : `name ${networks.join(', ')}`;
    return [{ pointer: '/attachments', message: `must ${kept}: a container keeps its networks; ${again}` }];
  }
  return sent.flatMap(({ address, address6, mac }, i) => {
    const now = attachments[i];
    const ips = [canonicalIp(now?.ipv4 ?? null), canonicalIp(now?.ipv6 ?? null)];
    const fault = (field: string, is: string | null): FieldError => ({
      pointer: `/attachments/${i}/${field}`,
      message: `must be ${is ?? 'null'}: a container keeps its addresses; ${again}`,
    });
    return [
      ...(address == null || ips.includes(plainIp(address))
        ? []
        : [fault('address', ips[0] ?? ips[1] ?? null)]),
      ...(address6 == null || ips[1] === plainIp(address6) ? [] : [fault('address6', ips[1] ?? null)]),
      ...(mac == null || plainMac(mac) === now?.mac ? [] : [fault('mac', now?.mac ?? null)]),
    ];
  });
}

function plainIp(text: string): string {
  const ip = tryParseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

/** The schema has seen that it is one. */
const plainMac = (text: string): string => parseMac(text);
