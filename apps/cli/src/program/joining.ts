import type { Command } from 'commander';
import type { JoinFlags } from '../commands/join-command.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';
import { contextFlag, outputFlag, wholeNumber } from './flags.ts';

/** `join-command`. */
export function addJoining(program: Command, io: Io, end: End): void {
  program
    .command('join-command')
    .argument('[host]', 'name that the host will have; left out: any one host')
    .description('Make a join token and write the line that lets a host join with it.')
    .option('--expires <seconds>', 'how long it can be used (default: 3600)', wholeNumber(60, 3600))
    .option('--server <url>', 'the server as the host reaches it, where that is another URL')
    .addOption(outputFlag(['table', 'json', 'yaml']))
    .addOption(contextFlag())
    .action(async (host: string | undefined, flags: JoinFlags) => {
      const { joinCommand } = await import('../commands/join-command.ts');
      end(await joinCommand(io, host, flags));
    });
}
