import type { Command } from 'commander';
import type { ApplyFlags, DiffFlags } from '../commands/apply.ts';
import type { DeleteFlags } from '../commands/delete.ts';
import type { Io } from '../lib/io.ts';
import type { End } from './end.ts';
import { contextFlag, waitFlag } from './flags.ts';

const fileHelp = 'YAML or JSON documents; - for stdin';

/** What documents and names change: `apply`, `diff`, `delete`. */
export function addWriting(program: Command, io: Io, end: End): void {
  program
    .command('apply')
    .description('Create or change what documents describe. What would change is shown first.')
    .requiredOption('-f, --file <file>', fileHelp)
    .option('--dry-run', 'change nothing, and ask the agents what they would do')
    .option('--force', 'also where containers are disconnected for a moment')
    .addOption(waitFlag())
    .addOption(contextFlag())
    .action(async (flags: ApplyFlags) => {
      const { apply } = await import('../commands/apply.ts');
      end(await apply(io, flags));
    });
  program
    .command('diff')
    .description('Show what `apply` would change; ends with 5 where something differs.')
    .requiredOption('-f, --file <file>', fileHelp)
    .option('--force', 'as for `apply`')
    .addOption(contextFlag())
    .action(async (flags: DiffFlags) => {
      const { diff } = await import('../commands/apply.ts');
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
      const { deleteResources } = await import('../commands/delete.ts');
      end(await deleteResources(io, kind, names, flags));
    });
}
