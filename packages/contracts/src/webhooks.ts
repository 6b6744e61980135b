import { Type, type Static } from 'typebox';
import { maxInt32 } from './bounds.ts';
import { Id, Revision, Timestamp } from './common.ts';
import { Event } from './events.ts';
import { Closed, Described, Nullable, Shaped, Words } from './schema.ts';

const WebhookName = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$',
  '1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'Name of the webhook, unique: 1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['inventory'],
  },
);

const url = Type.String({
  minLength: 8,
  maxLength: 2048,
  description:
    'Where events are sent (POST): `https://…` without user and password. Its address must be public, unless the server allows it (`TRUNKLINE_WEBHOOK_ALLOW`), which also allows `http://…`. It is looked at each time a connection is made.',
  examples: ['https://inventory.example.org/hooks/trunkline'],
});

const EventFilter = Shaped(
  '^(\\*|[a-z][a-z-]{0,31}\\.(\\*|[a-z][a-z-]{0,31}))$',
  'a type of event such as `network.created`, `network.*` for all of its kind, or `*`',
  {
    description:
      'A type of event, one of [/docs/events](/docs/events); `network.*` for all of a kind, `*` for all.',
    examples: ['network.*'],
  },
);

const types = Type.Array(EventFilter, {
  minItems: 1,
  maxItems: 64,
  description: 'Which events are sent.',
  examples: [['network.*', 'host.silent']],
});

const enabled = Type.Boolean({
  description:
    'Whether events are sent. True starts a webhook again that was disabled; it begins with the events of that moment.',
  examples: [true],
});

export const WebhookCreate = Closed(
  {
    name: WebhookName,
    url,
    types: Type.Optional({ ...types, description: 'Which events are sent; left out: all.' }),
  },
  {
    $id: 'WebhookCreate',
    description: 'A webhook to create.',
    examples: [
      {
        name: 'inventory',
        url: 'https://inventory.example.org/hooks/trunkline',
        types: ['network.*', 'host.silent'],
      },
    ],
  },
);
export type WebhookCreate = Static<typeof WebhookCreate>;

export const WebhookPatch = Closed(
  { url: Type.Optional(url), types: Type.Optional(types), enabled: Type.Optional(enabled) },
  {
    $id: 'WebhookPatch',
    description: 'What is to be changed (RFC 7396); what is left out stays.',
    examples: [{ enabled: true }],
  },
);
export type WebhookPatch = Static<typeof WebhookPatch>;

/** Why a webhook sends nothing. */
const disabledReasonTable = {
  operator: 'somebody disabled it',
  gone: 'its target answered 410 Gone',
  failing: 'a delivery failed ten times over three days, and none succeeded meanwhile',
} as const;
export type WebhookDisabledReason = keyof typeof disabledReasonTable;
const disabledReasons = Object.keys(disabledReasonTable) as WebhookDisabledReason[];

const fields = {
  id: Id,
  name: WebhookName,
  url,
  types,
  enabled: Described(enabled, { description: 'Whether events are sent.', examples: [true] }),
  disabledReason: Nullable(Words(disabledReasons, { description: '' }), {
    description: `Why it is disabled; null: it is not. ${disabledReasons.map((reason) => `\`${reason}\`: ${disabledReasonTable[reason]}`).join('; ')}.`,
    examples: [null],
  }),
  previousSecretUntil: Nullable(Timestamp, {
    description:
      'Until when messages are also signed with the secret before the last rotation; null: they are not.',
    examples: [null],
  }),
  lastDeliveredAt: Nullable(Timestamp, {
    description: 'When the target last accepted a message; null: never.',
  }),
  lastError: Nullable(Type.String({ maxLength: 512 }), {
    description: 'Why the last attempt failed; null: it did not fail.',
    examples: [null],
  }),
  pending: Type.Integer({
    minimum: 0,
    maximum: maxInt32,
    description: 'Deliveries that are still to be made.',
    examples: [0],
  }),
  createdAt: Described(Timestamp, {
    description: 'When it was created.',
    examples: ['2026-11-24T09:30:00.000Z'],
  }),
  updatedAt: Described(Timestamp, {
    description: 'When it was changed last.',
    examples: ['2026-11-24T09:30:00.000Z'],
  }),
};

export const Webhook = Closed(fields, {
  $id: 'Webhook',
  description: 'Where events are sent, as Standard Webhooks 1.0 has it. Its secret is never shown again.',
});
export type Webhook = Static<typeof Webhook>;

export const WebhookWithSecret = Closed(
  {
    ...fields,
    secret: Type.String({
      maxLength: 128,
      description:
        'The secret that messages are signed with (HMAC-SHA256), as Standard Webhooks libraries take it. It is shown only once.',
      examples: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    }),
  },
  { $id: 'WebhookWithSecret', description: 'A webhook with its secret.' },
);
export type WebhookWithSecret = Static<typeof WebhookWithSecret>;

/** How long both secrets sign after a rotation, unless the request says otherwise, in seconds. */
export const defaultOverlapSeconds = 86_400;

export const WebhookRotate = Closed(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        default: defaultOverlapSeconds,
        description:
          'How long messages are signed with both secrets, in seconds; 0: with the new one alone at once.',
        examples: [86_400],
      }),
    ),
  },
  { $id: 'WebhookRotate', description: 'How to rotate the secret.', examples: [{ overlapSeconds: 86_400 }] },
);
export type WebhookRotate = Static<typeof WebhookRotate>;

const deliveryStates = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

export const DeliveryStateQuery = Words(deliveryStates, { description: 'Only deliveries in this state.' });

export const WebhookDelivery = Closed(
  {
    id: Described(Id, {
      description:
        'Identifier of the delivery. Its messages carry it as `webhook-id: msg_<id>`, repeated ones too.',
    }),
    sequence: Described(Revision, { description: 'Revision of the event.', examples: ['1042'] }),
    type: Event.properties.type,
    state: Words(deliveryStates, {
      description:
        '`pending`: still to be sent, or sent again. `delivered`: the target accepted it. `failed`: given up; it can be replayed.',
      examples: ['delivered'],
    }),
    attempts: Type.Integer({
      minimum: 0,
      maximum: 1000,
      description: 'How often it was sent.',
      examples: [1],
    }),
    nextAttemptAt: Nullable(Timestamp, {
      description: 'When it is sent next; null: it is not.',
      examples: [null],
    }),
    lastAttemptAt: Nullable(Timestamp, { description: 'When it was sent last; null: not yet.' }),
    lastStatus: Nullable(Type.Integer({ minimum: 100, maximum: 999 }), {
      description: 'HTTP status of the last answer; null: there was none.',
      examples: [204],
    }),
    lastError: Nullable(Type.String({ maxLength: 512 }), {
      description: 'Why the last attempt failed; null: it did not.',
      examples: [null],
    }),
    createdAt: Described(Timestamp, {
      description: 'When it was created.',
      examples: ['2026-11-24T09:30:00.000Z'],
    }),
  },
  { $id: 'WebhookDelivery', description: 'An event on its way to the target of a webhook.' },
);
export type WebhookDelivery = Static<typeof WebhookDelivery>;

const { revision: _revision, at: _at, type, ...eventData } = Event.properties;

/** The body of a message (Standard Webhooks 1.0, "payload structure"). */
export const WebhookMessage = Closed(
  {
    type,
    timestamp: Described(Timestamp, { description: 'When the event was recorded.' }),
    data: Closed(
      {
        sequence: Described(Revision, {
          description:
            'Revision of the event. Messages may come in another order, and more than once: this is their order.',
          examples: ['1042'],
        }),
        ...eventData,
      },
      { description: 'The event.' },
    ),
  },
  { $id: 'WebhookMessage', description: 'What is sent to the target of a webhook.' },
);
export type WebhookMessage = Static<typeof WebhookMessage>;
