import { containerSettings, type DesiredContainer } from '@trunkline/contracts';
import { formatIp, parseIp } from '@trunkline/netaddr';
import { Prisma } from '../../platform/database/database.ts';
import { canonicalIp } from '../../platform/database/inet.ts';
import type { HostQuery } from '../../platform/database/host-queries.ts';
import { wholeValues } from '../../platform/settings.ts';
import type { ContainerSpec } from './container-request.ts';

/** A container as the database has it; addresses in PostgreSQL's spelling. */
type Row = Omit<DesiredContainer, keyof ContainerSpec | 'attachments' | 'sameAs'> & {
  spec: Partial<ContainerSpec>;
  sameAs: number[];
  attachments: (Omit<DesiredContainer['attachments'][number], 'withdrawn'> & {
    withdrawn: string[] | null;
  })[];
};

/** Containers that hosts should run, and those that they should remove; in the order of their ids. */
export const containersOfHosts: HostQuery<DesiredContainer> = {
  rows: (hostIds) => Prisma.sql`
    SELECT c.host_id, c.id::text, jsonb_build_object(
      'id', c.id, 'name', c.name, 'generation', c.generation, 'sameAs', c.same_as,
      'state', CASE WHEN c.deleting_since IS NULL THEN 'present' ELSE 'absent' END,
      'spec', c.spec, 'labels', c.labels, 'networkMode', 'container:' || owner.name,
      'attachments', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('networkId', n.id, 'network', n.name, 'address', host(a.ipv4),
                                                     'address6', host(a.ipv6), 'mac', a.mac, 'withdrawn', w.ips) ORDER BY a.ordinal), '[]')
        FROM attachment a JOIN network n ON n.id = a.network_id
        CROSS JOIN LATERAL (
          SELECT array_agg(host(v.ip)) AS ips FROM (VALUES (a.ipv4), (a.ipv6)) AS v (ip)
          WHERE v.ip IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM address x WHERE x.space = n.space AND x.ip = v.ip AND x.container_id = c.id
                              AND x.state <> 'conflicted')
        ) AS w
        WHERE a.container_id = c.id
      )
    )
    FROM container c LEFT JOIN container owner ON owner.id = c.shares_stack_of
    WHERE c.host_id = ANY (${[...hostIds]}::uuid[])`,
  read: ({ spec, attachments, sameAs, ...row }: Row) => ({
    ...row,
    ...(sameAs.length === 0 ? {} : { sameAs }),
    // A container that was made before a field existed has its default: agents refuse a document without it.
    ...wholeValues(containerSettings, spec),
    attachments: attachments.map(({ withdrawn, ...attachment }) => ({
      ...attachment,
      address: canonicalIp(attachment.address),
      address6: canonicalIp(attachment.address6),
      ...(withdrawn === null ? {} : { withdrawn: withdrawn.map((ip) => formatIp(parseIp(ip))) }),
    })),
  }),
};
