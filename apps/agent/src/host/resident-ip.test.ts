import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { RunCommand } from './command.ts';
import { createResidentIp, type OpenDialogue } from './resident-ip.ts';

/** A stand-in for `ip -batch -` whose answers the test gives piece by piece. */
function createProgram() {
  const opened: { said: string[]; answer: (piece: string) => void; end: () => void; stopped: boolean }[] = [];
  const open: OpenDialogue = () => {
    const pieces: string[] = [];
    let wake = Promise.withResolvers<void>();
    let over = false;
    const program = {
      said: [] as string[],
      stopped: false,
      answer: (piece: string) => {
        pieces.push(piece);
        wake.resolve();
      },
      end: () => {
        over = true;
        wake.resolve();
      },
    };
    opened.push(program);
    return {
      pid: 4711,
      output: (async function* () {
        for (;;) {
          while (pieces.length > 0) yield pieces.shift()!;
          if (over) return;
          await wake.promise;
          wake = Promise.withResolvers();
        }
      })(),
      say: (line) => program.said.push(line),
      stop: () => {
        program.stopped = true;
        program.end();
      },
    };
  };
  return { open, opened };
}

const run: RunCommand = async (_file, argv) => ({ stdout: `fresh ${argv.join(' ')}`, stderr: '', code: 0 });
const tick = () => new Promise((resolve) => setImmediate(resolve));

test('one program answers question after question, each when the whole answer is there', async () => {
  const { open, opened } = createProgram();
  const ip = createResidentIp(open, run);
  const first = ip.show();
  const second = ip.show();
  await tick();
  expect(opened[0]!.said).toEqual(['address show']);
  opened[0]!.answer('[{"ifname":"lo"},');
  await tick();
  opened[0]!.answer('{"ifname":"ens33"}]\n');
  expect(await first).toBe('[{"ifname":"lo"},{"ifname":"ens33"}]\n');
  await tick();
  expect(opened[0]!.said).toHaveLength(2);
  opened[0]!.answer('[]\n');
  expect(await second).toBe('[]\n');
  expect(opened).toHaveLength(1);
});

test('when it ends in mid-answer a fresh ip answers, and the next question starts another one that stays', async () => {
  const { open, opened } = createProgram();
  const ip = createResidentIp(open, run);
  const first = ip.show();
  await tick();
  opened[0]!.answer('[{"ifname":');
  opened[0]!.end();
  expect(await first).toBe('fresh -json -details address show');
  const second = ip.show();
  await tick();
  opened[1]!.answer('[]\n');
  expect(await second).toBe('[]\n');
});

const unstartable: OpenDialogue = () => ({
  pid: undefined,
  output: new Readable({
    read() {
      this.destroy(new Error('ENOENT'));
    },
  }),
  say: () => {},
  stop: () => {},
});

test('a program that cannot be started is no failure as long as a fresh one can', async () => {
  expect(await createResidentIp(unstartable, run).show()).toBe('fresh -json -details address show');
});
