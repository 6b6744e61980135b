import fastify from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFailureLog } from './failure-log.ts';
import { problems } from './problems.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const away = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function logged() {
  const lines: Record<string, unknown>[] = [];
  return {
    lines,
    log: { warn: (line: object) => void lines.push(line as Record<string, unknown>) } as never,
  };
}

test('a kind of failure is said once at once, and then how often it came, an interval at a time', () => {
  const { lines, log } = logged();
  const failures = createFailureLog(log);
  for (let n = 0; n < 1000; n += 1) failures.note('database_unavailable', away());
  expect(lines).toMatchObject([
    {
      kind: 'database_unavailable ECONNREFUSED',
      err: expect.objectContaining({ message: 'connect ECONNREFUSED' }),
    },
  ]);
  failures.note('allocator_busy', new Error('busy'));
  expect(lines).toHaveLength(2);
  vi.advanceTimersByTime(10_000);
  expect(lines.slice(2)).toMatchObject([
    { kind: 'database_unavailable ECONNREFUSED', times: 999, seconds: 10 },
  ]);
  // Quiet for an interval, it is news again.
  vi.advanceTimersByTime(20_000);
  failures.note('database_unavailable', away());
  expect(lines).toHaveLength(4);
  failures.note('database_unavailable', away());
  failures.close();
  expect(lines[4]).toMatchObject({ times: 1 });
});

test('kinds that are made up take no more room than fifty', () => {
  const { lines, log } = logged();
  const failures = createFailureLog(log);
  for (let n = 0; n < 1000; n += 1) failures.note(`kind-${n}`, new Error('x'));
  failures.close();
  expect(lines.length).toBeLessThan(60);
});

test('while the database is away the log has the cause once, however many requests it costs', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = fastify({ loggerInstance: log });
  await app.register(problems);
  app.get('/x', async () => {
    throw away();
  });
  for (let n = 0; n < 20; n += 1) expect((await app.inject('/x')).statusCode).toBe(503);
  const own = lines.filter(({ msg }) => String(msg).includes('served'));
  expect(own).toMatchObject([{ kind: 'database_unavailable ECONNREFUSED', err: expect.anything() }]);
  await app.close();
});
