/** How the program ends, once: scripts may depend on the numbers. docs/cli.md shows the same table. */
export const exitCodeTable = {
  ok: { code: 0, means: 'It worked, or there was nothing to do.' },
  refused: { code: 1, means: 'The server refused it, or it failed.' },
  usage: {
    code: 2,
    means: 'The command line, a document or a setting is wrong. Nothing was asked of the server.',
  },
  unreachable: { code: 3, means: 'The server was not reached, or what answered is no Trunkline server.' },
  waited: { code: 4, means: 'The change was accepted, and was not real when the time of `--wait` was up.' },
  differs: { code: 5, means: '`diff`: what is differs from the documents.' },
  fault: { code: 6, means: '`check`: the check ran and found something wrong.' },
  notFound: { code: 7, means: 'There is nothing of that name; `who`: nobody has it.' },
  notAllowed: { code: 8, means: 'The token is missing or not valid, or its role is too low.' },
} as const satisfies Record<string, { code: number; means: string }>;

/** Why the program ends as it does. */
export type Ending = keyof typeof exitCodeTable;

/** The number for the shell. */
export const exitCodeOf = (ending: Ending): number => exitCodeTable[ending].code;
