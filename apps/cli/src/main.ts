import { plain } from './format/plain.ts';
import { exitCodeOf } from './lib/exit-codes.ts';
import { createProcessIo } from './lib/process-io.ts';
import { runProgram } from './program.ts';

let isLost = false;
const io = createProcessIo((error) => {
  isLost = true;
  process.exitCode = exitCodeOf('refused');
  process.stderr.write(`trunkline: the output could not be written: ${plain(error.message)}\n`);
});

try {
  const code = exitCodeOf(await runProgram(io, process.argv.slice(2)));
  // Not process.exit: what was written may still be on its way.
  if (!isLost) process.exitCode = code;
} catch (error) {
  // Nobody foresaw it: the stack is worth a report. What a server sent may be in it.
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.note(`trunkline: failed unexpectedly, please report it:\n${stack.split('\n').map(plain).join('\n')}`);
  process.exitCode = exitCodeOf('refused');
}
