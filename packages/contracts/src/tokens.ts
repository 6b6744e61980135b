import { Type, type Static } from 'typebox';
import { Id, Timestamp } from './common.ts';
import { Closed, Described, Nullable, Shaped, Words } from './schema.ts';

export const Role = Words(['viewer', 'operator', 'admin'], {
  description:
    '`viewer` reads. `operator` also changes networks, addresses, containers, checks and labels of hosts. `admin` also retires hosts, and manages join tokens and API tokens.',
  examples: ['operator'],
});
export type Role = Static<typeof Role>;

const name = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$',
  '1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'Name of the token, shown in events: 1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['terraform'],
  },
);

export const TokenCreate = Closed(
  {
    name,
    role: Role,
    expiresAt: Type.Optional(
      Nullable(Timestamp, {
        description: 'When it stops working; null: never.',
        examples: ['2027-11-24T00:00:00.000Z'],
      }),
    ),
  },
  {
    $id: 'TokenCreate',
    description: 'An API token to create.',
    examples: [{ name: 'terraform', role: 'operator' }],
  },
);
export type TokenCreate = Static<typeof TokenCreate>;

const fields = {
  id: Id,
  name,
  role: Role,
  expiresAt: Nullable(Timestamp, { description: 'When it stops working; null: never.', examples: [null] }),
  previousSecretUntil: Nullable(Timestamp, {
    description: 'Until when the secret before the last rotation is still good; null: it is not.',
    examples: [null],
  }),
  lastUsedAt: Nullable(Timestamp, { description: 'When it was last used, to the minute.' }),
  createdAt: Described(Timestamp, {
    description: 'When it was created.',
    examples: ['2026-11-24T09:30:00.000Z'],
  }),
};

export const Token = Closed(fields, {
  $id: 'Token',
  description: 'An API token. Its secret is kept only as a hash.',
});
export type Token = Static<typeof Token>;

export const TokenCreated = Closed(
  {
    ...fields,
    secret: Type.String({
      maxLength: 128,
      description: 'The token itself, for `Authorization: Bearer`. It is shown only once.',
      examples: ['tl_7hQ2mX0vJk3pR9sTtB4wYz6nLc8dEfGa'],
    }),
  },
  { $id: 'TokenCreated', description: 'An API token with its secret.' },
);
export type TokenCreated = Static<typeof TokenCreated>;

/** How long the secret before a rotation is still good, unless the request says otherwise, in seconds. */
export const tokenOverlapSeconds = 3_600;

export const TokenRotate = Closed(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 604_800,
        default: tokenOverlapSeconds,
        description:
          'How long the secret of now is still good, in seconds; 0: it ends at once, such as after a leak.',
        examples: [3_600],
      }),
    ),
  },
  { $id: 'TokenRotate', description: 'How to rotate the secret.', examples: [{ overlapSeconds: 3_600 }] },
);
export type TokenRotate = Static<typeof TokenRotate>;
