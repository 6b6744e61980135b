import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { ApplyFlags, DiffFlags } from './commands/apply.ts';
import type { DeleteFlags } from './commands/delete.ts';
import type { EventFlags } from './commands/events.ts';
import type { GetFlags } from './commands/get.ts';
import type { LoginFlags } from './commands/login.ts';
import type { WhoFlags } from './commands/who.ts';
import type { ServerFlags } from './contexts/open-server.ts';
import { contextFlag, outputFlag, revision, waitFlag, wholeNumber, withWaitSeconds } from './flags.ts';
import { plain } from './format/plain.ts';
import { filterNames, kindNames, kindTable, type FilterName } from './kinds/kind-table.ts';
import type { Ending } from './lib/exit-codes.ts';
import type { Io } from './lib/io.ts';

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

type End = (ending: Ending) => void;

/** The whole command line. What a command does is loaded when it runs: `--help` needs no client of the API. */
function createProgram(io: Io, end: End): Command {
  const program = new Command('trunkline')
    .description('Networks, addresses and containers of a Trunkline server.')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({
      writeOut: io.write,
      writeErr: (text) => io.note(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'trunkline: ')),
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nExit codes and documents: docs/cli.md. Colours: only on a terminal, and not with NO_COLOR.',
    );
  addContexts(program, io, end);
  addReading(program, io, end);
  addWriting(program, io, end);
  return program;
}

const loadContexts = () => import('./commands/context.ts');

function addContexts(program: Command, io: Io, end: End): void {
  program
    .command('login')
    .argument('<url>', 'address of the server, such as https://trunkline.example.net:7400')
    .description('Store a server and a token as a context. The token is read from stdin.')
    .option('--name <name>', 'name of the context (default: host and port of the URL)')
    .option('--token-file <file>', 'read the token from a file instead of stdin')
    .option('--ca-file <file>', "PEM certificates to trust besides the machine's own; kept with the context")
    .action(async (url: string, flags: LoginFlags) => {
      const { login } = await import('./commands/login.ts');
      end(await login(io, url, flags));
    });
  const context = program.command('context').description('List, choose and remove stored servers.');
  context
    .command('list')
    .description('List the contexts; a star marks the one in use.')
    .action(async () => end(await (await loadContexts()).listContexts(io)));
  context
    .command('use')
    .argument('<name>')
    .description('Use a context from now on.')
    .action(async (name: string) => end(await (await loadContexts()).useContext(io, name)));
  context
    .command('remove')
    .argument('<name>')
    .description('Forget a context with its token. The token stays valid on the server.')
    .action(async (name: string) => end(await (await loadContexts()).removeContext(io, name)));
}

const kindWords = kindNames.map((name) => kindTable[name].plural).join(', ');

function addReading(program: Command, io: Io, end: End): void {
  const get = program
    .command('get')
    .argument('<kind>', `one of ${kindWords}`)
    .argument('[names...]', 'only these; a placement is NETWORK/HOST, an address may be NETWORK/ADDRESS')
    .description('List resources.')
    .addOption(outputFlag())
    .addOption(contextFlag());
  for (const name of filterNames) get.option(`--${name} <${name}>`, filterHelp(name));
  get.action(async (kind: string, names: string[], flags: GetFlags) => {
    const command = await import('./commands/get.ts');
    end(await command.get(io, kind, names, flags));
  });

  program
    .command('describe')
    .argument('<kind>', `one of ${kindWords}`)
    .argument('<name>')
    .description('Show one resource with its conditions and its last events.')
    .addOption(contextFlag())
    .action(async (kind: string, name: string, flags: ServerFlags) => {
      const { describe } = await import('./commands/describe.ts');
      end(await describe(io, kind, name, flags));
    });

  program
    .command('who')
    .argument('<address|MAC|name>')
    .description('Say who has an address, a MAC or a name.')
    .addOption(outputFlag(['table', 'json', 'yaml', 'name']))
    .addOption(contextFlag())
    .action(async (asked: string, flags: WhoFlags) => {
      const { who } = await import('./commands/who.ts');
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
      const { showEvents } = await import('./commands/events.ts');
      end(await showEvents(io, flags));
    });
}

const fileHelp = 'YAML or JSON documents; - for stdin';

function addWriting(program: Command, io: Io, end: End): void {
  program
    .command('apply')
    .description('Create or change what documents describe. What would change is shown first.')
    .requiredOption('-f, --file <file>', fileHelp)
    .option('--dry-run', 'change nothing, and ask the agents what they would do')
    .option('--force', 'also where containers are disconnected for a moment')
    .addOption(waitFlag())
    .addOption(contextFlag())
    .action(async (flags: ApplyFlags) => {
      const { apply } = await import('./commands/apply.ts');
      end(await apply(io, flags));
    });
  program
    .command('diff')
    .description('Show what `apply` would change; ends with 5 where something differs.')
    .requiredOption('-f, --file <file>', fileHelp)
    .option('--force', 'as for `apply`')
    .addOption(contextFlag())
    .action(async (flags: DiffFlags) => {
      const { diff } = await import('./commands/apply.ts');
      end(await diff(io, flags));
    });
  program
    .command('delete')
    .argument('[kind]', 'network, host, address or container')
    .argument('[names...]')
    .description(
      'Delete resources by name, or those that documents name. A host is retired, an address is released.',
    )
    .option('-f, --file <file>', fileHelp)
    .option('--dry-run', 'change nothing')
    .option('--force', 'although it is in use; docs/cli.md says what that means for each kind')
    .addOption(waitFlag())
    .addOption(contextFlag())
    .action(async (kind: string | undefined, names: string[], flags: DeleteFlags) => {
      const { deleteResources } = await import('./commands/delete.ts');
      end(await deleteResources(io, kind, names, flags));
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
