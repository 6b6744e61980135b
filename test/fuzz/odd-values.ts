import fc from 'fast-check';

/** Texts that somebody may not be ready for. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '\ud800',
    'a\udfff',
    '\u202e',
    'é',
    'e\u0301',
    '😀',
    '\uffff',
    '%00',
    '%',
    '../..',
    '-',
    '.',
    '*',
    'null',
    '0',
    '-1',
    '1e999',
    '__proto__',
    'constructor',
    'toString',
    "'; DROP TABLE host; --",
    '$1',
    '{{7*7}}',
    '\r\nx: y',
    '2036-12-31T23:59:60Z',
    '9999-12-31T23:59:59-23:59',
    '0000-00-00T00:00:00Z',
    '9223372036854775808',
    '172.16.100.0/33',
    '::ffff:10.0.0.1',
    'fe80::1%eth0',
    '010.0.0.1',
    'ff:ff:ff:ff:ff:ff',
    'x'.repeat(300),
    'x'.repeat(70_000),
  ),
  fc.string({ maxLength: 20 }),
  fc.string({ maxLength: 20, unit: 'binary' }),
);

/** Numbers at the edges of what JavaScript, PostgreSQL and JSON hold. */
const oddNumber = fc.oneof(
  fc.constantFrom(0, -0, -1, 1.5, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 63, 1e308, 5e-324),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** Any JSON, odd ones first. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: oddText },
  { weight: 3, arbitrary: oddNumber },
  { weight: 2, arbitrary: fc.constantFrom(null, true, false, [], {}, [[]], [null], { '': null }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
