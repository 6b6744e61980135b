import { expect, test } from 'vitest';
import { createLogOutput } from './log-output.ts';

const since = new Date('2026-11-29T10:00:00Z');
const systemError = (code: string): Error => Object.assign(new Error(code), { code });

/** A disk or pipe that takes so many bytes and then fails with `code`. */
function sink() {
  const state = { room: Number.POSITIVE_INFINITY, code: 'ENOSPC', text: '' };
  const output = createLogOutput(
    (bytes) => {
      const taken = Math.min(bytes.length, state.room);
      if (taken === 0) throw systemError(state.code);
      state.room -= taken;
      state.text += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
    () => since,
  );
  return { state, output };
}

test('a full disk: lines are dropped, and one line counts them when there is room again', () => {
  const { state, output } = sink();
  output.write('one\n');
  state.room = 0;
  output.write('two\n');
  output.write('three\n');
  state.room = Number.POSITIVE_INFINITY;
  output.write('four\n');
  output.write('five\n');
  const lines = state.text.trimEnd().split('\n');
  expect([lines[0], ...lines.slice(2)]).toEqual(['one', 'four', 'five']);
  expect(JSON.parse(lines[1]!)).toEqual({
    level: 40,
    time: since.toISOString(),
    dropped: 2,
    since: since.toISOString(),
    reason: 'ENOSPC',
    msg: 'log lines were dropped: they could not be written',
  });
});

test('a line that a pipe took half of is finished before anything else', () => {
  const { state, output } = sink();
  state.code = 'EAGAIN';
  state.room = 3;
  output.write('first\n');
  output.write('second\n');
  state.room = 1;
  output.write('third\n');
  state.room = Number.POSITIVE_INFINITY;
  output.write('fourth\n');
  const lines = state.text.trimEnd().split('\n');
  expect([lines[0], lines[2]]).toEqual(['first', 'fourth']);
  expect(JSON.parse(lines[1]!)).toMatchObject({ dropped: 2, reason: 'EAGAIN' });
  expect(lines).toHaveLength(3);
});

test('without anything dropped nothing is reported', () => {
  const { state, output } = sink();
  state.room = 2;
  output.write('long line\n');
  state.room = Number.POSITIVE_INFINITY;
  output.write('next\n');
  expect(state.text).toBe('long line\nnext\n');
});

test('every error of writing is survived, also one that is none of the system', () => {
  for (const code of ['ENOSPC', 'EAGAIN', 'EPIPE', 'EIO', 'EBADF', 'EDQUOT']) {
    const output = createLogOutput(() => {
      throw systemError(code);
    });
    expect(() => output.write('line\n')).not.toThrow();
  }
});
