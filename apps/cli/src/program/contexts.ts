import type { Command } from 'commander';
import type { LoginFlags } from '../commands/login.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';

const loadContexts = () => import('../commands/context.ts');

/** `login` and `context`: which servers there are. */
export function addContexts(program: Command, io: Io, end: End): void {
  program
    .command('login')
    .argument('<url>', 'address of the server, such as https://trunkline.example.net:7400')
    .description('Store a server and a token as a context. The token is read from stdin.')
    .option('--name <name>', 'name of the context (default: host and port of the URL)')
    .option('--token-file <file>', 'read the token from a file instead of stdin')
    .option('--ca-file <file>', "PEM certificates to trust besides the machine's own; kept with the context")
    .action(async (url: string, flags: LoginFlags) => {
      const { login } = await import('../commands/login.ts');
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
