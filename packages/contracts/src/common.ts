import { Type, type Static, type TSchema } from 'typebox';
import { maxInt32, maxPage } from './bounds.ts';
import {
  conditionTypes,
  type ConditionType,
  type Reason,
  type ReasonOf,
} from './conditions/condition-table.ts';
import { Closed, Keyed, Nullable, Shaped, Words } from './schema.ts';

/** Instants are RFC 3339 in UTC with milliseconds. `isInstant` decides what is accepted as one. */
export const Timestamp = Type.String({
  format: 'date-time',
  maxLength: 35,
  'x-rule':
    'an instant in RFC 3339 between the years 1970 and 9999 in UTC, without a leap second, such as `2026-11-24T09:30:00.000Z`',
  description: 'An instant, RFC 3339, UTC.',
  examples: ['2026-11-24T09:30:00.000Z'],
});

// The format alone accepts the URN form of RFC 9562 too, which PostgreSQL does not.
export const Id = Shaped(
  '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
  'a UUID: 32 hexadecimal digits, 8-4-4-4-12',
  {
    format: 'uuid',
    description: 'Identifier given by the server, a UUID; never reused.',
    examples: ['0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11'],
  },
);

/** Revisions and other numbers that may pass 2^53 travel as strings. Every number of 18 digits fits into 63 bits. */
export const Revision = Shaped(
  '^(0|[1-9][0-9]{0,17})$',
  'a whole number of up to 18 digits as text, without leading zeros, such as `1042`',
  {
    description:
      'Revision of the whole database: one number, raised by every change of desired state. It is a string of up to 18 digits, because it may pass 2^53.',
    examples: ['1042'],
  },
);

export const Count = Shaped('^[0-9]{1,39}$', 'a whole number of up to 39 digits as text', {
  description: 'A count. It is a string because it may pass 2^53 (an IPv6 subnet has 2^64 addresses).',
  examples: ['254'],
});

export const HostName = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$',
  '1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'Name of a host, unique in the fleet: 1 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['docker01'],
  },
);

export const NetworkName = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}$',
  '2 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'Name of a network, unique in the fleet, and the name of the Docker network on each host: 2 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['mac_net1'],
  },
);

export const ContainerName = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}$',
  '2 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'Name of a container, unique in the fleet (stricter than Docker, where it is unique per host): 2 to 63 letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['box1'],
  },
);

export const SpaceName = Shaped(
  '^[a-z0-9][a-z0-9_.-]{0,62}$',
  '1 to 63 lower-case letters, digits, `_`, `.` or `-`, the first a letter or digit',
  {
    description:
      'An address space. Subnets of one space may not overlap. Networks that never meet on a wire may use the same addresses in different spaces. 1 to 63 lower-case letters, digits, `_`, `.` or `-`, the first a letter or digit.',
    examples: ['default'],
  },
);

/** IFNAMSIZ is 16 with the closing zero (linux/if.h); the rest keeps names safe in files and logs. */
export const InterfaceName = Shaped(
  '^(?!\\.{1,2}$)[a-zA-Z0-9_.][a-zA-Z0-9_.-]{0,14}$',
  '1 to 15 letters, digits, `_`, `.` or `-`, not starting with `-`, and neither `.` nor `..` (Linux IFNAMSIZ)',
  {
    description:
      'Name of a network interface on a host: 1 to 15 letters, digits, `_`, `.` or `-`, not starting with `-` (Linux IFNAMSIZ).',
    examples: ['ens33'],
  },
);

export const IpAddress = Type.String({
  minLength: 2,
  maxLength: 45,
  description: 'An IP address, IPv4 dotted or IPv6 as RFC 5952 writes it; never IPv4-mapped.',
  examples: ['172.16.100.10'],
});

export const CidrText = Type.String({
  minLength: 4,
  maxLength: 49,
  description: 'A subnet in CIDR form with no host bits set.',
  examples: ['172.16.100.0/24'],
});

export const MacAddress = Shaped(
  '^[0-9a-fA-F]{2}((:[0-9a-fA-F]{2}){5}|(-[0-9a-fA-F]{2}){5})$',
  'six hexadecimal pairs with `:` or `-` between them, such as `02:42:ac:10:64:0a`',
  {
    description:
      'An Ethernet address: six hexadecimal pairs with `:` or `-` between them. Answered in lower case with colons.',
    examples: ['02:42:ac:10:64:0a'],
  },
);

export const OwnerKey = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_.:@/-]{0,127}$',
  '1 to 128 letters, digits, `_`, `.`, `:`, `@`, `/` or `-`, the first a letter or digit',
  {
    description:
      'Who the address is for, a key that the caller chooses. A request with the same key gets the same address until it is released. ' +
      '1 to 128 letters, digits, `_`, `.`, `:`, `@`, `/` or `-`, the first a letter or digit; `container:<name>` belongs to containers that Trunkline runs.',
    examples: ['web-1'],
  },
);

export const LabelKey = Shaped(
  '^[a-zA-Z0-9][a-zA-Z0-9_./-]{0,62}$',
  '1 to 63 letters, digits, `_`, `.`, `/` or `-`, the first a letter or digit',
  { description: 'Key of a label.' },
);
export const LabelValue = Type.String({ maxLength: 255 });

export const Labels = Keyed(LabelKey, LabelValue, {
  maxProperties: 64,
  description:
    'Free key/value pairs of the operator: up to 64. Keys are 1 to 63 letters, digits, `_`, `.`, `/` or `-`, the first a letter or digit; values are text of up to 255 characters.',
  examples: [{ rack: 'a3' }],
});

export const conditionStatuses = ['True', 'False', 'Unknown'] as const;

export const ConditionStatus = Words(conditionStatuses, {
  description:
    '`True`: the condition is met. `False`: it is not; `message` says what to do. `Unknown`: it could not be observed.',
  examples: ['True'],
});

/** The fields of a condition, each by itself. */
export const conditionFields = {
  type: Type.Unsafe<ConditionType>(
    Shaped('^[A-Z][A-Za-z0-9]{1,62}$', '2 to 63 letters and digits, the first a capital', {
      description: `Type of the condition, unique in its list. \`Ready\` summarizes the others. One of ${conditionTypes.map((type) => `\`${type}\``).join(', ')}; what each means is under [/docs/conditions](/docs/conditions). The agent of a newer version may report others.`,
      examples: ['ParentReady'],
    }),
  ),
  status: ConditionStatus,
  reason: Type.Unsafe<Reason>(
    Shaped('^[A-Z][A-Za-z0-9]{1,62}$', '2 to 63 letters and digits, the first a capital', {
      description:
        'Reason of the status, one word for programs. The reasons of each type, with what to do, are under [/docs/conditions](/docs/conditions).',
      examples: ['ParentMissing'],
    }),
  ),
  message: Type.String({
    maxLength: 4096,
    description: 'For people: what was found, and what to do.',
    examples: ['interface ens34 does not exist on docker01; it has: ens33'],
  }),
  observedGeneration: Type.Integer({
    minimum: 0,
    maximum: maxInt32,
    description:
      'The generation of the desired state that this condition is about. Older than `generation`: the newer one was not observed yet.',
    examples: [1],
  }),
  lastTransitionTime: { ...Timestamp, description: 'When `status` last changed.' },
};

type ConditionFields = Static<ReturnType<typeof Closed<typeof conditionFields>>>;

/** A condition: its reason is one that the table has for its type. */
export type Condition = {
  [T in ConditionType]: Omit<ConditionFields, 'type' | 'reason'> & { type: T; reason: ReasonOf<T> };
}[ConditionType];

/** As Kubernetes uses it: https://github.com/kubernetes/community (api-conventions, typical status properties). */
export const Condition = Type.Unsafe<Condition>(
  Closed(conditionFields, { description: 'One aspect of the observed state, with its status.' }),
);

export const Conditions = Type.Array(Condition, {
  maxItems: 32,
  description: 'The observed state, one entry per type.',
  examples: [[]],
});

/** Entries of `errors` in a problem: as many as a person mends at a time. */
export const maxFieldErrors = 50;

/** RFC 9457, with a stable `code`. It is the body of every answer that is not 2xx. */
export const Problem = Closed(
  {
    type: Type.String({
      maxLength: 128,
      description: 'URL of the description of `code`.',
      examples: ['/docs/errors#subnet_full'],
    }),
    title: Type.String({
      maxLength: 128,
      description: 'What `code` means; always the same text per code.',
      examples: ['The subnet is full'],
    }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status.', examples: [409] }),
    code: Type.String({
      maxLength: 64,
      description: 'Stable identifier for programs; the table of codes is at `/docs/errors`.',
      examples: ['subnet_full'],
    }),
    detail: Type.String({
      maxLength: 8192,
      description: 'What happened this time, and what to do next.',
      examples: ['subnet 172.16.100.0/24 is full (253 of 253 in use): release addresses or add a subnet'],
    }),
    instance: Type.String({
      maxLength: 16_384,
      description: 'The path of the request.',
      examples: ['/v1/networks/mac_net1/addresses'],
    }),
    requestId: Type.String({
      maxLength: 64,
      description: 'Identifies this request in the logs of the server.',
      examples: ['req-4f2a'],
    }),
    retryable: Type.Boolean({
      description: 'Whether the same request may succeed later, unchanged.',
      examples: [false],
    }),
    errors: Type.Optional(
      Type.Array(
        Closed({
          pointer: Type.String({
            maxLength: 65_536,
            description:
              'Where in the body (JSON Pointer, RFC 6901), or `query:<name>`, `path:<name>`, `header:<name>`.',
            examples: ['/subnets/0/gateway'],
          }),
          message: Type.String({
            maxLength: 4096,
            description: 'What is wrong there.',
            examples: ['is not inside 172.16.100.0/24'],
          }),
        }),
        {
          maxItems: maxFieldErrors,
          description: `Everything that is wrong with the request, at most ${maxFieldErrors} entries; of a large request only the first that was found.`,
        },
      ),
    ),
    data: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        maxProperties: 64,
        description: 'Data for programs that belongs to `code`, such as the holder of an address.',
        examples: [{ holder: '/v1/networks/mac_net1/addresses/172.16.100.10' }],
      }),
    ),
  },
  { $id: 'Problem', description: 'What went wrong (RFC 9457, application/problem+json).' },
);
export type Problem = Static<typeof Problem>;

/** One page of a list. */
export function Page<T extends TSchema>(item: T, description: string) {
  return Closed(
    {
      items: Type.Array(item, { maxItems: maxPage, description: 'The items of this page.' }),
      nextCursor: Nullable(Type.String({ maxLength: 512 }), {
        description: 'Send it as `cursor` to get the next page; null on the last page.',
        examples: ['eyJuIjoibWFjX25ldDEifQ'],
      }),
    },
    { description },
  );
}

export const PageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: maxPage,
      default: 100,
      description: 'Items per page.',
      examples: [100],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: 512,
      description: '`nextCursor` of the previous page, unchanged; left out: the first page. Opaque.',
    }),
  ),
};

const labelTerm = '[a-zA-Z0-9][a-zA-Z0-9_./-]{0,62}=[^,]{0,255}';

/** Filters of lists. All that are sent must hold. */
export const ListFilters = {
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 128,
      description: 'Only those whose name contains this text, whatever its case.',
      examples: ['web'],
    }),
  ),
  label: Type.Optional(
    Shaped(
      `^${labelTerm}(,${labelTerm}){0,15}$`,
      'up to 16 `key=value` with commas between them, such as `rack=a3`: keys of 1 to 63 letters, digits, `_`, `.`, `/` or `-`, values of up to 255 characters without a comma',
      {
        maxLength: 5_120,
        description:
          'Only those with this label, `key=value`, or with all of several, with commas between them.',
        examples: ['rack=a3'],
      },
    ),
  ),
};

export const AddressFilter = Type.Optional(
  Type.String({
    minLength: 2,
    maxLength: 45,
    description: 'Only those with this IP address.',
    examples: ['172.16.100.10'],
  }),
);

export const MacFilter = Type.Optional({
  ...MacAddress,
  description: 'Only those with this Ethernet address.',
});

export const WaitQuery = {
  wait: Type.Optional(
    Shaped('^([0-9]{1,2}|[0-2][0-9]{2}|300)s$', 'whole seconds from `0s` to `300s`, such as `30s`', {
      description:
        'Answer when the change is applied on its hosts, or after this time: whole seconds, `0s` to `300s`, such as `30s`. The answer comes at once where every host that is not ready reported what only a person can change, such as a missing parent; these reasons are marked at [/docs/conditions](/docs/conditions). The answer states what was reached, either way.',
      examples: ['30s'],
    }),
  ),
};

export const DryRunQuery = {
  dryRun: Type.Optional(
    Type.Boolean({
      description: 'Check everything and answer with the expected result, but change nothing.',
      examples: [false],
    }),
  ),
};
