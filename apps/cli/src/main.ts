import { exitCodeOf } from './lib/exit-codes.ts';
import { createProcessIo } from './lib/process-io.ts';
import { runProgram } from './program.ts';

const io = createProcessIo();
// Not process.exit: what was written may still be on its way.
process.exitCode = exitCodeOf(await runProgram(io, process.argv.slice(2)));
