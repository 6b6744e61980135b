import type { ReasonOf } from './conditions/condition-table.ts';

/**
 * Why the boot stage of the agent could not put the link of a network back, where it is not a reason of `LinkReady` or
 * `ParentReady`: `reason` in the log of the boot stage.
 */
export const bootProblemTable = {
  NotLookedAt: {
    means: 'The links could not be looked at before the time was up.',
    remedy: 'Find out what keeps the host busy at boot. The agent repairs the link when it runs.',
  },
  LookFailed: {
    means: 'The links could not be looked at.',
    remedy: 'The message has the error; a missing `ip` is that of the package `iproute2`.',
  },
  StepFailed: {
    means: 'A change of a link was refused.',
    remedy: 'The message has the error of the kernel. The agent tries again when it runs.',
  },
  DoesNotSettle: {
    means: 'Something undoes what the boot stage does.',
    remedy:
      'Find the program that manages the link as well, such as NetworkManager, and have it leave the link alone.',
  },
  LinkNotUsable: {
    means: 'The link cannot be used, and no condition has the cause.',
    remedy: 'Read the conditions of the placement when the agent has reported.',
  },
} as const satisfies Record<string, { means: string; remedy: string }>;

/** A word of `reason` in the log of the boot stage. */
export type BootProblem = keyof typeof bootProblemTable | ReasonOf<'LinkReady' | 'ParentReady'>;
