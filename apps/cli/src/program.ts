import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { plain } from './format/plain.ts';
import type { Ending } from './lib/exit-codes.ts';
import type { Io } from './lib/io.ts';
import { addChecks } from './program/checks.ts';
import { addCompletion } from './program/completion.ts';
import { addContexts } from './program/contexts.ts';
import type { End } from './program/end.ts';
import { withWaitSeconds } from './program/flags.ts';
import { addJoining } from './program/joining.ts';
import { addReading } from './program/reading.ts';
import { addWriting } from './program/writing.ts';

/** Runs a command line (without the program's own name); answers how it ended, and throws what nobody foresaw. */
export async function runProgram(io: Io, argv: readonly string[]): Promise<Ending> {
  let ending: Ending = 'ok';
  const program = createProgram(io, (ended) => {
    ending = ended;
  });
  try {
    await program.parseAsync(withWaitSeconds(argv), { from: 'user' });
    return ending;
  } catch (error) {
    io.endProgress();
    // Commander has written what it has to say: help, a version, or what is wrong with the command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 'ok' : 'usage';
    const { explain } = await import('./lib/explain.ts');
    const explanation = explain(error);
    if (explanation === undefined) throw error;
    io.note(`trunkline: ${plain(explanation.sentence)}`);
    return explanation.ending;
  }
}

/** The whole command line. What a command does is loaded when it runs: `--help` needs no client of the API. */
export function createProgram(io: Io, end: End): Command {
  const program = new Command('trunkline')
    .description('Networks, addresses and containers of a Trunkline server.')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      writeOut: io.write,
      writeErr: (text) => io.note(text.trimEnd()),
      outputError: (text, write) => {
        const lines = text.trimEnd().split('\n').map(plain);
        write(lines.join('\n').replace(/^error: /, 'trunkline: '));
      },
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes and documents: docs/cli.md. Colours: only on a terminal, and not with NO_COLOR.',
    );
  addContexts(program, io, end);
  addReading(program, io, end);
  addWriting(program, io, end);
  addChecks(program, io, end);
  addJoining(program, io, end);
  addCompletion(program, io, end);
  return program;
}
