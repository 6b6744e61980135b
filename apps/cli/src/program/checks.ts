import type { CheckKindName } from '@trunkline/contracts';
import type { Command } from 'commander';
import type { CheckFlags } from '../commands/check.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';
import { contextFlag, outputFlag, wholeNumber } from './flags.ts';

/** `check` with a command for each kind of check, and what it is about as arguments. */
export function addChecks(program: Command, io: Io, end: End): void {
  const checks = program
    .command('check')
    .description('Run a check and show what it found; ends with 6 where something is wrong.');
  const add = (kind: CheckKindName, description: string, words: readonly string[]): Command => {
    const command = checks.command(kind).description(description);
    for (const word of words) command.argument(word);
    command
      .option('--timeout <seconds>', 'give up after so long (default: 30)', wholeNumber(5, 120))
      .addOption(outputFlag())
      .addOption(contextFlag())
      .action(async (...given: unknown[]) => {
        const { check } = await import('../commands/check.ts');
        const names = words.map((_, at) => given[at] as string | undefined);
        end(await check(io, kind, names, given[words.length] as CheckFlags));
      });
    return command;
  };
  const count = ['--count <count>', 'echo requests to each address', wholeNumber(1, 20)] as const;
  add('connectivity', 'Whether one container reaches another.', ['<from>', '<to>']).option(...count);
  add('addresses', 'Whether what is recorded matches what the hosts see.', ['[network]']);
  add('wire', 'Whether frames pass between the hosts of a network, tried without containers.', ['<network>']);
  add(
    'diagnose',
    'Why something does not work: of a network, a host, a container, or between two containers.',
    ['[network]'],
  )
    .option('--host <host>', 'look at this host')
    .option('--container <container>', 'look at this container')
    .option('--from <container>', 'with --to: between these two')
    .option('--to <container>', 'with --from');
  add('matrix', 'Who reaches whom: all containers of a network, or pairs.', ['[network]'])
    .option(
      '--pair <from,to[,port]>',
      'such as box1,box2 or host:docker01,gateway:mac_net1 or box1,address:172.16.100.1,443; may be repeated',
      (pair: string, before: readonly string[] | undefined) => [...(before ?? []), pair],
    )
    .option('--port <port>', 'also connect to this TCP port', wholeNumber(1, 65_535))
    .option('--names', 'also look up names')
    .option(...count);
}
