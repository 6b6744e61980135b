import type { Examiner } from './examiner.ts';
import { linkExaminer } from './link.ts';

/** Everything that is looked at on a host, in the order of the areas. */
export const examiners: readonly Examiner[] = [linkExaminer];
