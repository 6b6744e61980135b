import type { Command } from 'commander';
import type { EventFlags } from '../commands/events.ts';
import type { GetFlags } from '../commands/get.ts';
import type { WhoFlags } from '../commands/who.ts';
import type { ServerFlags } from '../contexts/open-server.ts';
import { filterNames, kindNames, kindTable, type FilterName } from '../kinds/kind-table.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';
import { contextFlag, outputFlag, revision, wholeNumber } from './flags.ts';

const kindWords = kindNames.map((name) => kindTable[name].plural).join(', ');

/** What only looks: `get`, `describe`, `who`, `events`. */
export function addReading(program: Command, io: Io, end: End): void {
  const get = program
    .command('get')
    .argument('<kind>', `one of ${kindWords}`)
    .argument('[names...]', 'only these; a placement is NETWORK/HOST, an address may be NETWORK/ADDRESS')
    .description('List resources.')
    .addOption(outputFlag())
    .addOption(contextFlag());
  for (const name of filterNames) get.option(`--${name} <${name}>`, filterHelp(name));
  get.action(async (kind: string, names: string[], flags: GetFlags) => {
    const command = await import('../commands/get.ts');
    end(await command.get(io, kind, names, flags));
  });

  program
    .command('describe')
    .argument('<kind>', `one of ${kindWords}`)
    .argument('<name>')
    .description('Show one resource with its conditions and its last events.')
    .addOption(contextFlag())
    .action(async (kind: string, name: string, flags: ServerFlags) => {
      const { describe } = await import('../commands/describe.ts');
      end(await describe(io, kind, name, flags));
    });

  program
    .command('who')
    .argument('<address|MAC|name>')
    .description('Say who has an address, a MAC or a name.')
    .addOption(outputFlag(['table', 'json', 'yaml', 'name']))
    .addOption(contextFlag())
    .action(async (asked: string, flags: WhoFlags) => {
      const { who } = await import('../commands/who.ts');
      end(await who(io, asked, flags));
    });

  program
    .command('events')
    .description('Show the last events, or follow them.')
    .option('-f, --follow', 'go on with what happens from now on')
    .option(
      '--last <count>',
      'so many of the last ones (default: 50, with --follow 0)',
      wholeNumber(0, 10_000),
    )
    .option('--after <revision>', 'all after this revision instead', revision)
    .option('--type <type>', filterHelp('type'))
    .option('--network <network>', filterHelp('network'))
    .option('--host <host>', filterHelp('host'))
    .addOption(outputFlag())
    .addOption(contextFlag())
    .action(async (flags: EventFlags) => {
      const { showEvents } = await import('../commands/events.ts');
      end(await showEvents(io, flags));
    });
}

function filterHelp(name: FilterName): string {
  if (name === 'label') return 'only with this label, key=value';
  const of = kindNames
    .map((kind): { plural: string; filters: readonly FilterName[] } => kindTable[kind])
    .filter(({ filters }) => filters.includes(name))
    .map(({ plural }) => plural);
  return `only of this ${name} (${of.join(', ')})`;
}
