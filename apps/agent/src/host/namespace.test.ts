import { expect, it } from 'vitest';
import { createCommandRunner } from './command.ts';
import type { RunCommand } from './command.ts';
import { inContainerNetwork } from './namespace.ts';

it('enters only the network namespace of the process', async () => {
  const seen: unknown[] = [];
  const run: RunCommand = async (...call) => {
    seen.push(call);
    return { stdout: '', stderr: '', code: 0 };
  };
  await inContainerNetwork(run, 42)('ping', ['-c', '1', '172.16.100.20'], { timeoutMs: 5000 });
  expect(seen).toEqual([
    ['nsenter', ['--net=/proc/42/ns/net', '--', 'ping', '-c', '1', '172.16.100.20'], { timeoutMs: 5000 }],
  ]);
});

it.each([0, -1, 1.5, Number.NaN])('refuses %s as a process id', (pid) => {
  expect(() => inContainerNetwork(createCommandRunner(), pid)).toThrow(RangeError);
});
