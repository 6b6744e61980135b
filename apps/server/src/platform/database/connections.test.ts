import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { apiErrorFromDatabase } from './database-errors.ts';

const source = path.resolve(import.meta.dirname, '../..');

test('connections are made in connections.ts and nowhere else: each has an error listener as long as it lives', async () => {
  const files = (await readdir(source, { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name),
  );
  expect(files.length).toBeGreaterThan(100);
  const offenders: string[] = [];
  for (const name of files) {
    const text = await readFile(path.join(source, name), 'utf8');
    if (/^import (?!type\b).*from '(pg|pg-pool)'/m.test(text)) offenders.push(name);
  }
  expect(offenders).toEqual(['platform/database/connections.ts']);
});

/** Errors as pg and Prisma's adapter throw them, taken from a PostgreSQL that was killed, restarted and overrun. */
const broken: [string, unknown][] = [
  ...[
    'Connection terminated',
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'Client was closed and is not queryable',
    'Cannot use a pool after calling end on the pool',
    'Query read timeout',
    'Received unexpected commandComplete message from backend.',
  ].map((message): [string, unknown] => [message, new Error(message)]),
  ...['08000', '08001', '08003', '08004', '08006', '08P01', '57P01', '57P02', '57P03', '57P05'].map(
    (code): [string, unknown] => [
      code,
      Object.assign(new Error('from PostgreSQL'), { code, severity: 'FATAL' }),
    ],
  ),
  ...['53300', '53200', '25006', '25P03', '58030', '28P01', '3D000'].map((code): [string, unknown] => [
    code,
    Object.assign(new Error('from PostgreSQL'), { code, severity: 'FATAL' }),
  ]),
  ...[
    'ECONNRESET',
    'ECONNREFUSED',
    'EPIPE',
    'ENOENT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENETUNREACH',
    'ERR_STREAM_DESTROYED',
  ].map((code): [string, unknown] => [
    code,
    Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }),
  ]),
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'].map((code): [string, unknown] => [
    code,
    Object.assign(new Error('from Prisma'), { code }),
  ]),
  ['P1001 of an engine that did not start', Object.assign(new Error('from Prisma'), { errorCode: 'P1001' })],
  ...[
    'ConnectionClosed',
    'DatabaseNotReachable',
    'SocketTimeout',
    'TooManyConnections',
    'TlsConnectionError',
  ].map((kind): [string, unknown] => [
    `adapter: ${kind}`,
    Object.assign(new Error('Invalid invocation'), { cause: { kind } }),
  ]),
  [
    'raw query through the adapter',
    Object.assign(new Error('Raw query failed. Code: `57P01`'), {
      code: 'P2010',
      meta: { driverAdapterError: { cause: { originalCode: '57P01', kind: 'postgres' } } },
    }),
  ],
];

test.each(broken)('%s is 503 with a time to try again', (_name, error) => {
  const answer = apiErrorFromDatabase(error);
  expect([answer?.status, answer?.code]).toEqual([503, 'database_unavailable']);
  expect(answer?.retryAfterSeconds).toBeGreaterThan(0);
});

test.each([
  ['53100', 507],
  ['55P03', 503],
  ['40P01', 409],
  ['42601', undefined],
  ['XX000', undefined],
])('SQLSTATE %s is %s, not an outage', (code, status) => {
  const answer = apiErrorFromDatabase(
    Object.assign(new Error('from PostgreSQL'), { code, severity: 'ERROR' }),
  );
  expect(answer?.status).toBe(status);
  expect(answer?.code).not.toBe('database_unavailable');
});
