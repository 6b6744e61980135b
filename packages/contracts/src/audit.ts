import { Type, type Static } from 'typebox';
import { maxInt32 } from './bounds.ts';
import { Id, Revision, Timestamp } from './common.ts';
import { Closed, Described, Nullable, Words } from './schema.ts';

/** What became of an operation. `done` is written in the transaction of the change itself. */
const auditOutcomeTable = {
  done: 'it was carried out',
  denied: 'nobody knows the caller, its role is too low, or it has reached a limit (401, 403, 429)',
  refused: 'a change that was refused for another reason (other 4xx)',
  failed: 'a change that the server could not carry out (5xx)',
} as const;

export type AuditOutcome = keyof typeof auditOutcomeTable;

const outcomes = Object.keys(auditOutcomeTable) as AuditOutcome[];

const fields = {
  sequence: Described(Revision, {
    description: 'Position in the audit log. It is the SSE id, for `Last-Event-ID` and `after`.',
    examples: ['2071'],
  }),
  at: Described(Timestamp, { description: 'When it was recorded.', examples: ['2026-11-24T09:30:00.000Z'] }),
  actor: Nullable(Type.String({ maxLength: 128 }), {
    description: 'Who asked: `token:<name>`, `agent:<host>` or `server`; null: nobody that is known.',
    examples: ['token:terraform'],
  }),
  tokenId: Nullable(Id, {
    description: 'The token that was used, also after it was revoked; null: none.',
  }),
  source: Nullable(Type.String({ maxLength: 64 }), {
    description:
      'IP address that the request came from. Behind a proxy that is the proxy, unless it is trusted (`TRUNKLINE_TRUST_PROXY`). Null: the server itself.',
    examples: ['172.16.1.9'],
  }),
  requestId: Nullable(Type.String({ maxLength: 64 }), {
    description: 'The request. Events that it caused have the same one.',
    examples: ['req-4f2a'],
  }),
  operation: Nullable(Type.String({ maxLength: 64 }), {
    description:
      'What was asked for, as `operationId` of this document names it; calls of agents are `POST /agent/v1/join` and the like. Null: several, see `times`.',
    examples: ['createNetwork'],
  }),
  subject: Nullable(Type.String({ maxLength: 1024 }), {
    description: 'Path of the resource that it is about; null: several, see `times`.',
    examples: ['/v1/networks/mac_net1'],
  }),
  outcome: Words(outcomes, {
    description: `What became of it: ${outcomes.map((outcome) => `\`${outcome}\`: ${auditOutcomeTable[outcome]}`).join('; ')}.`,
    examples: ['done'],
  }),
  code: Nullable(Type.String({ maxLength: 64 }), {
    description:
      'Why it was not carried out: a code of [/docs/errors](/docs/errors). Null where it was carried out.',
    examples: [null],
  }),
  times: Type.Integer({
    minimum: 1,
    maximum: maxInt32,
    description:
      'How many requests this entry stands for. The first that is not carried out has an entry of its own; like ones of the same minute share one, with the last of them.',
    examples: [1],
  }),
  before: Nullable(
    Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true, maxProperties: 64 })),
    {
      description:
        'The fields that were changed, or all of what was removed, as they were. Secrets and the values of `env` are never in it, long values are cut. Null: nothing was there before.',
      examples: [{ mtu: null }],
    },
  ),
  after: Nullable(
    Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true, maxProperties: 64 })),
    {
      description: 'The same fields as they are from then on. Null: nothing is there any more.',
      examples: [{ mtu: 1400 }],
    },
  ),
};

export const AuditEntry = Closed(fields, {
  $id: 'AuditEntry',
  description: 'One entry of the audit log. Entries are never changed.',
});
export type AuditEntry = Static<typeof AuditEntry>;

/** What the audit log can be asked for. */
export const AuditQuery = {
  actor: Type.Optional(
    Described(Type.String({ minLength: 1, maxLength: 128 }), {
      description: 'Only what this actor asked for, such as `token:terraform`.',
    }),
  ),
  tokenId: Type.Optional(Described(Id, { description: 'Only what was asked for with this token.' })),
  source: Type.Optional(
    Type.String({ minLength: 2, maxLength: 64, description: 'Only what came from this address.' }),
  ),
  requestId: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Only this request.' })),
  operation: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'Only this operation, such as `createNetwork`.',
    }),
  ),
  subject: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'Only what is about this path, such as `/v1/networks/mac_net1`.',
    }),
  ),
  outcome: Type.Optional(Words(outcomes, { description: 'Only what had this outcome.' })),
  since: Type.Optional(
    Described(Timestamp, { description: 'Only what was recorded at this time or later.' }),
  ),
  until: Type.Optional(Described(Timestamp, { description: 'Only what was recorded before this time.' })),
};
