import { Argument, type Command } from 'commander';
import { completionScript, shells, type Shell } from '../completion/scripts.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';
import { shapeOf } from './shape.ts';

/** `completion`, and what its scripts ask. */
export function addCompletion(program: Command, io: Io, end: End): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(shells))
    .description('Write what teaches a shell to complete: `source <(trunkline completion bash)`.')
    .action((shell: Shell) => io.write(completionScript(shell)));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { completeWords } = await import('../commands/complete-words.ts');
      end(await completeWords(io, shapeOf(program), words));
    });
}
