import type { CheckKindName } from '@trunkline/contracts';
import { Argument, Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { ApplyFlags, DiffFlags } from './commands/apply.ts';
import type { CheckFlags } from './commands/check.ts';
import type { DeleteFlags } from './commands/delete.ts';
import type { EventFlags } from './commands/events.ts';
import type { GetFlags } from './commands/get.ts';
import type { JoinFlags } from './commands/join-command.ts';
import type { LoginFlags } from './commands/login.ts';
import type { WhoFlags } from './commands/who.ts';
import type { ServerFlags } from './contexts/open-server.ts';
import type { CommandShape } from './completion/command-shape.ts';
import { completionScript, shells, type Shell } from './completion/scripts.ts';
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
export function createProgram(io: Io, end: End): Command {
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
  addChecks(program, io, end);
  addJoining(program, io, end);
  addCompletion(program, io, end);
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

/** What a check is about, as its arguments; the same words as in the table of the contract. */
function addChecks(program: Command, io: Io, end: End): void {
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
        const { check } = await import('./commands/check.ts');
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

function addJoining(program: Command, io: Io, end: End): void {
  program
    .command('join-command')
    .argument('[host]', 'name that the host will have; left out: any one host')
    .description('Make a join token and write the line that lets a host join with it.')
    .option('--expires <seconds>', 'how long it can be used (default: 3600)', wholeNumber(60, 3600))
    .option('--server <url>', 'the server as the host reaches it, where that is another URL')
    .addOption(outputFlag(['table', 'json', 'yaml']))
    .addOption(contextFlag())
    .action(async (host: string | undefined, flags: JoinFlags) => {
      const { joinCommand } = await import('./commands/join-command.ts');
      end(await joinCommand(io, host, flags));
    });
}

function addCompletion(program: Command, io: Io, end: End): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(shells))
    .description('Write what teaches a shell to complete: `source <(trunkline completion bash)`.')
    .action((shell: Shell) => io.write(completionScript(shell)));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { completeWords } = await import('./commands/complete-words.ts');
      end(await completeWords(io, shapeOf(program), words));
    });
}

/** A command line as completion sees it; hidden commands are left out. */
export function shapeOf(command: Command): CommandShape {
  return {
    name: command.name(),
    commands: command
      .createHelp()
      .visibleCommands(command)
      .map((inner) => shapeOf(inner)),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(({ long, short, required, flags, argChoices }) => ({
        flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
        value: required ? (/<(.+)>/.exec(flags)?.[1] ?? '') : null,
        choices: argChoices ?? [],
      })),
    words: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      choices: argument.argChoices ?? [],
      isRepeated: argument.variadic,
    })),
  };
}

function filterHelp(name: FilterName): string {
  if (name === 'label') return 'only with this label, key=value';
  const of = kindNames
    .map((kind): { plural: string; filters: readonly FilterName[] } => kindTable[kind])
    .filter(({ filters }) => filters.includes(name))
    .map(({ plural }) => plural);
  return `only of this ${name} (${of.join(', ')})`;
}
