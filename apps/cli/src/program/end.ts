import type { Ending } from '../lib/exit-codes.ts';

/** Takes how a command ended. */
export type End = (ending: Ending) => void;
