import { shortMessageOf } from '@trunkline/log';
import { CommandFailed, type RunCommand } from '../host/command.ts';
import type { WireTool } from '../observation/wire-state.ts';

const arping: WireTool = { tool: 'arping', package: 'iputils-arping' };
const tools: readonly (WireTool & { readonly asks: readonly string[] })[] = [
  { ...arping, asks: ['-V'] },
  { tool: 'nft', package: 'nftables', asks: ['--version'] },
  { tool: 'unshare', package: 'util-linux', asks: ['--version'] },
  { tool: 'nsenter', package: 'util-linux', asks: ['--version'] },
];

/** A tool that is missing is looked for again after this time: somebody may have installed it. */
const missingForMs = 60_000;

/** Which of the tools are missing, as of at most a minute ago; one that was there counts as there for good. */
export function createToolCheck(run: RunCommand, now: () => number): () => Promise<readonly WireTool[]> {
  let missing: readonly WireTool[] = tools;
  let lookedAt: number | null = null;
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    const there = await Promise.all(
      tools.map(async ({ tool, asks, ...rest }) =>
        missing.some((one) => one.tool === tool) && !(await works(run, tool, asks))
          ? [{ tool, ...rest }]
          : [],
      ),
    );
    missing = there.flat().map(({ tool, package: from }) => ({ tool, package: from }));
    lookedAt = now();
  }

  return async () => {
    if (missing.length > 0 && (lookedAt === null || now() - lookedAt >= missingForMs)) {
      await (looking ??= look().finally(() => {
        looking = null;
      }));
    }
    return missing;
  };
}

async function works(run: RunCommand, tool: string, asks: readonly string[]): Promise<boolean> {
  try {
    const { stdout, stderr } = await run(tool, asks, { acceptCodes: [0, 1, 2], timeoutMs: 2000 });
    // Another program of the same name, whose options mean other things (package `arping`).
    return !/Habets/i.test(stdout + stderr);
  } catch (error) {
    // One that is slow is there; what could not be begun, or ended badly, is not.
    if (error instanceof CommandFailed) return error.kind === 'timeout';
    throw error;
  }
}

/** What to install for these, for people. */
export function installation(missing: readonly WireTool[]): string {
  return `install ${[...new Set(missing.map((tool) => tool.package))].join(', ')}`;
}

/**
 * What went wrong, for people; of a tool that is missing also what to install. Those that begin another (`nsenter`)
 * say by 127 that it is not there, and which one in words.
 */
export function failureText(error: unknown): string {
  const message = shortMessageOf(error);
  if (!(error instanceof CommandFailed) || (error.kind !== 'spawn' && error.code !== 127)) return message;
  const named = error.argv.flatMap((word) => tools.find(({ tool }) => tool === word) ?? []);
  const missing =
    error.kind === 'spawn'
      ? named[0]
      : (named.find(({ tool }) => error.stderr.includes(`${tool}: No such file`)) ?? named.at(-1));
  return missing === undefined ? message : `${message}; ${installation([missing])}`;
}
