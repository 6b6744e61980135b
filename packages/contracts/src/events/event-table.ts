import { Type, type Static, type TObject } from 'typebox';
import { Closed } from '../schema.ts';
import { eventFields as f } from './event-data.ts';

/** What a type of event is. */
export interface EventKind {
  /** What `subject` is the path of. */
  subject: string;
  means: string;
  /** Schema of `data`. */
  data: TObject;
}

const optional = Type.Optional;
const nothing = Closed({});
const generation = Closed({ generation: f.generation });
const containerReport = Closed({
  state: f.state,
  exitCode: f.exitCode,
  generation: f.generation,
  ready: f.ready,
  reason: f.reason,
  message: f.message,
});
const checkReport = Closed({ error: f.error, reachable: optional(f.reachable) });

/** Every event of the log, once. `type` is stable: programs may depend on it. */
export const eventTable = {
  // Hosts
  'host.joined': { subject: 'host', means: 'A host joined.', data: nothing },
  'host.updated': {
    subject: 'host',
    means: 'The labels of a host changed.',
    data: Closed({ labels: f.labels }),
  },
  'host.retired': {
    subject: 'host',
    means: 'A host was removed. Its agent can no longer talk to the server.',
    data: Closed({ forced: f.forced, containers: f.containers, addresses: f.addresses }),
  },
  'host.connected': { subject: 'host', means: 'The agent of a host reports again.', data: nothing },
  'host.silent': {
    subject: 'host',
    means: 'The server has not heard from the agent for a while.',
    data: Closed({ lastSeenAt: f.lastSeenAt }),
  },
  'host.condition-changed': {
    subject: 'host',
    means: 'A condition of the host has another status or reason.',
    data: Closed(f.condition),
  },
  'host.rebooted': { subject: 'host', means: 'The host booted.', data: nothing },
  'host.agent-started': {
    subject: 'host',
    means: 'Another run of the agent reports for the host.',
    data: Closed({ instance: f.instance, before: f.before }),
  },
  'host.identity-conflict': {
    subject: 'host',
    means: 'Two agents use the identity of the host.',
    data: Closed({ message: f.says }),
  },

  // Networks
  'network.created': { subject: 'network', means: 'A network was created.', data: generation },
  'network.updated': {
    subject: 'network',
    means: 'A network was changed.',
    data: Closed({ generation: f.generation, fields: f.fields, forced: optional(f.forcedBy) }),
  },
  'network.deleting': {
    subject: 'network',
    means: 'A network is being removed from its hosts.',
    data: generation,
  },
  'network.deleted': { subject: 'network', means: 'A network is gone from every host.', data: nothing },
  'network.shortage': {
    subject: 'network',
    means: 'A network has no free address. Hosts were asked to return unused ones.',
    data: Closed({ family: f.family, recalledFrom: f.recalledFrom }),
  },
  'network.shortage-ended': {
    subject: 'network',
    means: 'The address shortage of a network is over.',
    data: Closed({ family: f.family }),
  },

  // Placements
  'placement.added': { subject: 'placement', means: 'A host gets a network.', data: generation },
  'placement.removing': { subject: 'placement', means: 'A network leaves a host.', data: generation },
  'placement.removed': { subject: 'placement', means: 'A network is gone from a host.', data: nothing },
  'placement.changed': {
    subject: 'placement',
    means: 'A host reported another state of a network.',
    data: Closed({
      generation: f.generation,
      ready: f.ready,
      reason: f.reason,
      message: f.message,
      action: f.action,
    }),
  },

  // Containers
  'container.created': {
    subject: 'container',
    means: 'A container was created in the API. Its host makes it.',
    data: Closed({ image: f.image, networks: f.networks }),
  },
  'container.updated': {
    subject: 'container',
    means: 'A container was changed. `how`: it goes on running (`inPlace`), or its host replaces it.',
    data: Closed({ generation: f.generation, fields: f.fields, how: f.how }),
  },
  'container.deleting': {
    subject: 'container',
    means: 'A container is being removed from its host.',
    data: generation,
  },
  'container.removed': { subject: 'container', means: 'A container is gone.', data: containerReport },
  'container.forgotten': {
    subject: 'container',
    means: 'A container was dropped, because its host was retired.',
    data: nothing,
  },
  'container.moved': {
    subject: 'container',
    means: 'A container that never ran got another address, because a foreign machine uses the first one.',
    data: Closed({ from: f.from, to: f.to, mac: f.mac }),
  },
  'container.started': { subject: 'container', means: 'A container runs.', data: containerReport },
  'container.restarted': { subject: 'container', means: 'A container was restarted.', data: containerReport },
  'container.stopped': { subject: 'container', means: 'A container no longer runs.', data: containerReport },
  'container.changed': {
    subject: 'container',
    means: 'A host reported another state of a container.',
    data: containerReport,
  },

  // Addresses
  'address.reserved': {
    subject: 'address',
    means: 'An owner got an address.',
    data: Closed({ owner: f.owner, generation: f.generation }),
  },
  'address.changed': {
    subject: 'address',
    means: 'A reservation was changed.',
    data: Closed({
      owner: f.owner,
      mac: optional(f.reservedMac),
      labels: optional(f.newLabels),
      claim: optional(f.claim),
    }),
  },
  'address.leased': {
    subject: 'address',
    means: 'A host got a reserved address for a container that is being started.',
    data: Closed({ owner: f.owner, container: f.container }),
  },
  'address.bound': {
    subject: 'address',
    means: 'A container runs on an address.',
    data: Closed({
      container: f.container,
      mac: f.mac,
      dockerId: optional(f.dockerId),
      generation: optional(f.generation),
      taken: optional(f.taken),
    }),
  },
  'address.released': {
    subject: 'address',
    means: 'An address was freed.',
    data: Closed({
      forced: f.forced,
      owner: optional(f.owner),
      container: optional(f.container),
      host: optional(f.host),
      unconfirmed: optional(f.unconfirmed),
      generation: optional(f.generation),
    }),
  },
  'address.revoked': {
    subject: 'address',
    means: 'An address was taken away from its host. It is free as soon as the host confirms that.',
    data: Closed({
      owner: f.owner,
      container: f.container,
      host: f.host,
      forced: f.forced,
      unconfirmed: optional(f.unconfirmed),
      generation: f.generation,
    }),
  },
  'address.conflicted': {
    subject: 'address',
    means: 'Somebody else uses an address: a foreign machine, a host itself, or several containers.',
    data: Closed({
      mac: f.mac,
      interface: optional(f.link),
      owner: optional(f.owner),
      container: optional(f.container),
      generation: optional(f.generation),
      claimedBy: optional(f.claimedBy),
    }),
  },
  'address.conflict-ended': {
    subject: 'address',
    means: 'A foreign machine no longer uses the address of a running container.',
    data: Closed({ container: f.container, mac: f.mac }),
  },
  'address.disputed': {
    subject: 'address',
    means: 'A container runs on an address, or with a MAC, that belongs to somebody else.',
    data: Closed({ container: f.container, dockerId: f.dockerId, mac: f.mac, why: f.why }),
  },
  'address.recheck': {
    subject: 'address',
    means: 'A conflict was not seen for a while. The address is probed again before it is assigned.',
    data: Closed({ owner: f.owner }),
  },
  'address.taken-in': {
    subject: 'address',
    means:
      'After a restored backup, an address was recorded for the container that uses it, or leased to the host of a stopped container that asks for it.',
    data: Closed({ container: f.container, mac: f.mac }),
  },

  // Checks
  'check.created': {
    subject: 'check',
    means: 'A check was created.',
    data: Closed({ kind: f.kind, from: optional(f.checkFrom), to: optional(f.checkTo) }),
  },
  'check.running': { subject: 'check', means: 'A host began a check.', data: checkReport },
  'check.done': {
    subject: 'check',
    means: 'A check has a result.',
    data: Closed({
      error: optional(f.error),
      reachable: optional(f.reachable),
      kind: optional(f.kind),
      findings: optional(f.findings),
      message: optional(f.says),
    }),
  },
  'check.host-answered': {
    subject: 'check',
    means: 'A host ended its part of a check on several hosts.',
    data: Closed({ error: f.error }),
  },
  'check.failed': { subject: 'check', means: 'A host could not carry out a check.', data: checkReport },
  'check.expired': { subject: 'check', means: 'A check had no result in time.', data: nothing },
  'preflight.asked': {
    subject: 'network',
    means: 'Hosts were asked what a change of a network would do.',
    data: Closed({ hosts: f.hosts }),
  },
  'preflight.done': { subject: 'network', means: 'A host answered.', data: checkReport },
  'preflight.failed': { subject: 'network', means: 'A host could not look.', data: checkReport },
  'preflight.expired': { subject: 'network', means: 'A host did not answer in time.', data: nothing },

  // Tokens
  'token.created': {
    subject: 'token',
    means: 'A token was created.',
    data: Closed({ name: f.name, role: f.role }),
  },
  'token.rotated': {
    subject: 'token',
    means: 'A token got a new secret.',
    data: Closed({ name: f.name, role: f.role, previousSecretUntil: f.oldSecretUntil }),
  },
  'token.revoked': {
    subject: 'token',
    means: 'A token was revoked.',
    data: Closed({ name: f.name, role: f.role }),
  },
  'join-token.created': {
    subject: 'join token',
    means: 'A join token was created.',
    data: Closed({ expiresAt: f.expiresAt }),
  },
  'join-token.revoked': { subject: 'join token', means: 'A join token was revoked.', data: nothing },

  // Webhooks
  'webhook.created': { subject: 'webhook', means: 'A webhook was created.', data: nothing },
  'webhook.updated': {
    subject: 'webhook',
    means: 'A webhook was changed.',
    data: Closed({ fields: f.fields }),
  },
  'webhook.rotated': {
    subject: 'webhook',
    means: 'The secret of a webhook was rotated.',
    data: Closed({ previousSecretUntil: f.previousSecretUntil }),
  },
  'webhook.replayed': {
    subject: 'webhook',
    means: 'A delivery of a webhook is sent again on request.',
    data: Closed({ delivery: f.delivery }),
  },
  'webhook.disabled': {
    subject: 'webhook',
    means: 'The server disabled a webhook, because its target is gone or failed for days.',
    data: Closed({ disabledReason: f.disabledReason, message: f.says }),
  },
  'webhook.deleted': { subject: 'webhook', means: 'A webhook was deleted.', data: nothing },

  // A restored backup
  'recovery.started': {
    subject: 'recovery',
    means: 'The server noticed a restored backup. No address is assigned until every host has compared.',
    data: Closed({ recovery: f.recovery, reason: f.recoveryReason, hosts: f.waitedFor }),
  },
  'recovery.host-heard': {
    subject: 'host',
    means: 'A host knows more than the restored database, and was asked to compare.',
    data: Closed({ recovery: f.recovery }),
  },
  'recovery.host-compared': { subject: 'recovery', means: 'A host has compared its leases.', data: nothing },
  'recovery.host-let-go': {
    subject: 'recovery',
    means: 'An operator released a host from the recovery.',
    data: nothing,
  },
  'recovery.ended': {
    subject: 'recovery',
    means: 'Addresses are assigned again.',
    data: Closed({ recovery: f.recovery, letGo: f.letGo }),
  },
} as const satisfies Record<string, EventKind>;

/** What happened. */
export type EventType = keyof typeof eventTable;

export const eventTypes = Object.keys(eventTable) as readonly EventType[];

/** The `data` of an event of this type. */
export type EventDataOf<T extends EventType> = Static<(typeof eventTable)[T]['data']>;

/** The fields of the `data` of an event, for documentation; `always`: no event of the type is without it. */
export function describeEventData(type: EventType): { name: string; description: string; always: boolean }[] {
  const { properties, required = [] } = eventTable[type].data as unknown as {
    properties: Record<string, { description?: string }>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description = '' }]) => ({
    name,
    description,
    always: required.includes(name),
  }));
}
