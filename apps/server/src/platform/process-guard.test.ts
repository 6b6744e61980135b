import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { guardProcess } from './process-guard.ts';

function guarded() {
  const process = new EventEmitter();
  const log = { info: vi.fn(), error: vi.fn(), fatal: vi.fn() };
  return { process, log, guard: guardProcess(process, log) };
}

test('a first signal stops the server, a second one hurries it', () => {
  const { process, guard } = guarded();
  process.emit('SIGTERM');
  expect([guard.stop.aborted, guard.hurry.aborted]).toEqual([true, false]);
  process.emit('SIGINT');
  expect([guard.hurry.aborted, guard.failed()]).toEqual([true, false]);
});

test.each([
  ['pg', new Error('Connection terminated unexpectedly')],
  ['PostgreSQL', Object.assign(new Error('terminating connection'), { code: '57P01', severity: 'FATAL' })],
  ['a socket', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
])('a connection that broke unheard does not stop the server: %s', (_name, error) => {
  const { process, guard, log } = guarded();
  process.emit('uncaughtException', error);
  expect([guard.stop.aborted, guard.failed()]).toEqual([false, false]);
  expect(log.error).toHaveBeenCalledOnce();
});

test('a promise that fails unheard is logged and stops nothing', () => {
  const { process, guard, log } = guarded();
  process.emit('unhandledRejection', new TypeError('a bug'));
  expect(guard.stop.aborted).toBe(false);
  expect(log.error).toHaveBeenCalledOnce();
});

test('an exception that nobody caught stops the server in order, as a failure', () => {
  const { process, guard, log } = guarded();
  process.emit('uncaughtException', new TypeError('a bug'));
  expect([guard.stop.aborted, guard.failed()]).toEqual([true, true]);
  expect(log.fatal).toHaveBeenCalledOnce();
});
