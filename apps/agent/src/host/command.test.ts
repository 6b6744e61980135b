import { expect, it } from 'vitest';
import { CommandFailed, createCommandRunner } from './command.ts';

const run = createCommandRunner({ path: `${process.execPath.replace(/\/[^/]*$/, '')}:/usr/bin:/bin` });
const failure = async (answer: Promise<unknown>): Promise<CommandFailed> => {
  const error = await answer.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CommandFailed);
  return error as CommandFailed;
};

it('hands over arguments as they are, with no shell between', async () => {
  const nasty = '$(id); `id` && rm -rf "x" \' *';
  expect(await run('printf', ['%s', nasty])).toEqual({ stdout: nasty, stderr: '', code: 0 });
});

it('gives programs a clean environment in the language C, and their input', async () => {
  const { stdout } = await run('env', []);
  expect(stdout.trim().split('\n').sort()).toEqual(['LC_ALL=C', expect.stringMatching(/^PATH=/)]);
  expect((await run('cat', [], { input: 'hello' })).stdout).toBe('hello');
});

it('tells a failure with its command, exit code and words', async () => {
  const error = await failure(run('sh', ['-c', 'echo out; echo why >&2; exit 3']));
  expect(error).toMatchObject({ kind: 'exit', code: 3, stdout: 'out\n', stderr: 'why\n' });
  expect(error.argv[0]).toBe('sh');
  expect(error.message).toContain('exit code 3: why');
});

it('takes an exit code as an answer where the caller says so', async () => {
  expect(await run('sh', ['-c', 'exit 1'], { acceptCodes: [0, 1] })).toMatchObject({ code: 1 });
  expect(await failure(run('true', [], { acceptCodes: [1] }))).toMatchObject({ kind: 'exit', code: 0 });
});

it('is bounded in time and in output, and stops when the caller gives up', async () => {
  expect(await failure(run('sleep', ['30'], { timeoutMs: 50 }))).toMatchObject({
    kind: 'timeout',
    code: null,
  });
  const stubborn = run('sh', ['-c', 'trap "" TERM; exec sleep 30'], { timeoutMs: 200 });
  expect(await failure(stubborn)).toMatchObject({ kind: 'timeout' });
  const small = createCommandRunner({ maxOutputBytes: 100 });
  expect(await failure(small('head', ['-c', '1000', '/dev/zero']))).toMatchObject({ kind: 'output' });
  const stop = new AbortController();
  const slow = run('sleep', ['30'], { signal: stop.signal });
  stop.abort();
  expect(await failure(slow)).toMatchObject({ kind: 'aborted' });
});

it('says that a program is not installed, or was killed', async () => {
  expect(await failure(run('no-such-program', []))).toMatchObject({ kind: 'spawn', code: null });
  expect(await failure(run('sh', ['-c', 'kill -9 $$']))).toMatchObject({ kind: 'signal', code: null });
});
