/** Shows progress: a line for each thing begun, and dots while it lasts. */
export interface Progress {
  report: (line: string) => void;
  end: () => void;
}

const dotEveryMs = 2000;

/** Writes to `out`, with the seconds since the start by `now` (milliseconds) before each line. */
export function createProgress(out: { write(text: string): unknown }, now: () => number): Progress {
  const begun = now();
  let dots = 0;
  const newline = (): void => {
    if (dots > 0) out.write('\n');
    dots = 0;
  };
  const timer = setInterval(() => {
    out.write(dots === 0 ? '          .' : '.');
    dots += 1;
  }, dotEveryMs);
  timer.unref();
  return {
    report(line) {
      newline();
      out.write(`${((now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
    },
    end() {
      clearInterval(timer);
      newline();
    },
  };
}
