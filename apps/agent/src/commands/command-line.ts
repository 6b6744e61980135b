import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf } from '@trunkline/log';

/** What a person asks the program for. */
export type Command =
  | {
      readonly do: 'join';
      readonly server: string;
      /** Null: it comes on standard input. */
      readonly token: string | null;
      readonly name: string | null;
      readonly caFile: string | null;
      readonly settings: string;
    }
  | { readonly do: 'leave'; readonly force: boolean; readonly settings: string }
  | { readonly do: 'status'; readonly json: boolean; readonly settings: string }
  | { readonly do: 'doctor'; readonly json: boolean; readonly settings: string }
  | { readonly do: 'help'; readonly text: string };

/** Arguments that are not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The words that begin a command. */
export const commandWords = ['join', 'leave', 'status', 'doctor'] as const;

const settingsFile = '/etc/trunkline/agent.env';

const usages: Readonly<Record<(typeof commandWords)[number], string>> = {
  join: `Usage: trunkline-agent join URL TOKEN [--name NAME] [--ca-file FILE] [--settings FILE]

Lets this host join a fleet: proves the server, joins, writes the settings, and enables and starts the units. A host that has joined keeps its
identity, and only learns where the server is and who proves it.

  URL              the server, such as https://trunkline.example.net:7400
  TOKEN            a join token of that server; - reads it from standard input, where other users of this machine do not see it
  --name NAME      name of the host in the fleet; the machine's name
  --ca-file FILE   PEM certificates to trust for the server, where the token names none
  --settings FILE  settings of the agent; ${settingsFile}
`,
  leave: `Usage: trunkline-agent leave [--force] [--settings FILE]

Takes this host out of its fleet: stops and disables the units, and removes its identity and state. Retire it on the server as well. Containers and
networks stay as they are; containers on Trunkline networks cannot be started again, so these networks have to be gone first.

  --force          also while Trunkline networks are here, or Docker does not answer
  --settings FILE  settings of the agent; ${settingsFile}
`,
  status: `Usage: trunkline-agent status [--json] [--settings FILE]

Says whether the server is reached, and what it says about this host. Exit code 0 when it is reached and every condition holds, else 1.

  --json           as JSON: {"server", "reached", "problem", "host"}; host is what GET /v1/hosts/{name} answers
  --settings FILE  settings of the agent; ${settingsFile}
`,
  doctor: `Usage: trunkline-agent doctor [--json] [--settings FILE]

Tries what the agent needs on this machine: Docker, ip, nft, kernel modules, the clock, the server. Changes nothing. Exit code 0 when nothing that is
required is missing, else 1.

  --json           as JSON, one object for each check
  --settings FILE  settings of the agent; ${settingsFile}
`,
};

const common = { settings: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

/** Reads the arguments after the program, of which the first is one of {@link commandWords}. Throws {@link UsageError}. */
export function readCommand(argv: readonly string[]): Command {
  const [word, ...args] = argv;
  switch (word) {
    case 'join': {
      const { values, positionals } = parse(args, {
        ...common,
        name: { type: 'string' },
        'ca-file': { type: 'string' },
      });
      if (values['help'] === true) return { do: 'help', text: usages.join };
      const [server, token, ...more] = positionals;
      if (server === undefined || token === undefined || more.length > 0)
        throw new UsageError('join takes the URL of the server and a join token (join --help)');
      return {
        do: 'join',
        server,
        token: token === '-' ? null : token,
        name: text(values['name']),
        caFile: text(values['ca-file']),
        settings: text(values['settings']) ?? settingsFile,
      };
    }
    case 'leave': {
      const { values } = parse(args, { ...common, force: { type: 'boolean' } }, word);
      if (values['help'] === true) return { do: 'help', text: usages.leave };
      return {
        do: 'leave',
        force: values['force'] === true,
        settings: text(values['settings']) ?? settingsFile,
      };
    }
    case 'status':
    case 'doctor': {
      const { values } = parse(args, { ...common, json: { type: 'boolean' } }, word);
      if (values['help'] === true) return { do: 'help', text: usages[word] };
      return { do: word, json: values['json'] === true, settings: text(values['settings']) ?? settingsFile };
    }
    case undefined:
    default:
      throw new UsageError(
        `${JSON.stringify(word ?? '')} is no command: write one of ${commandWords.join(', ')} (--help shows all)`,
      );
  }
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function parse(
  args: readonly string[],
  options: NonNullable<ParseArgsConfig['options']>,
  /** A command without arguments of its own. */
  alone?: string,
): { values: Readonly<Record<string, unknown>>; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (alone !== undefined && positionals.length > 0)
      throw new Error(`${alone} takes no argument ${JSON.stringify(positionals[0])}`);
    return { values, positionals };
  } catch (error) {
    throw new UsageError(`${messageOf(error)} (--help shows what there is)`, { cause: error });
  }
}
