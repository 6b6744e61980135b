/** `npm run vm -- CMD [ARG...]`: runs a command in the VM, whatever this kernel has. See README.md beside this file. */
import { vmCommand } from './vm-command.ts';

const argv = process.argv.slice(2);
if (argv.length === 0) {
  process.stderr.write('usage: npm run vm -- CMD [ARG...]\n');
  process.exitCode = 2;
} else {
  process.exitCode = await vmCommand(argv);
}
