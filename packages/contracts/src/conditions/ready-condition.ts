import { nothingToDo, type ConditionKind, type ReasonKind } from './condition-kind.ts';
import { readyOfContainer } from './container-conditions.ts';
import { readyOfNetwork } from './network-conditions.ts';

/** Reasons of `Ready` in the answer of a dry run, where nobody looked at the host. */
const readyOfPreflight = {
  Preflight: {
    means: 'The network is not ready yet; the listed actions would make it ready.',
    remedy: 'Send the request again without `dryRun`.',
  },
  NotAsked: { means: 'The host was not asked, because of `wait=0s`.', remedy: 'Ask again with a wait.' },
  HostSilent: {
    means: 'The host was not asked, because the server does not hear from its agent.',
    remedy: 'Check that its agent runs and reaches the server, then ask again.',
  },
  NoAnswer: {
    means: 'The agent of the host did not answer in time.',
    remedy: 'Ask again with a longer wait. If it stays so, see the log of the agent.',
  },
  PreflightFailed: {
    means: 'The agent of the host could not look.',
    remedy: 'The message has the error of the agent.',
  },
} as const satisfies Record<string, ReasonKind>;

/** Sums up the other conditions: where one of them is in the way, `Ready` takes over its status and reason. */
export const readyCondition = {
  on: ['host', 'network', 'placement', 'container', 'preflight'],
  reportedBy: ['agent', 'server'],
  means: 'Everything is as it should be. Where not, the reason is that of the condition that is in the way.',
  good: 'True',
  inherits: 'all',
  reasons: {
    Ready: { means: 'Everything is as it should be.', remedy: nothingToDo },
    Pending: {
      means: 'The agent has not looked at it yet.',
      remedy: 'Wait. If it stays so, check that the agent runs and reaches the server.',
    },
    RolledBack: {
      means:
        'The host could not reach the server after a change of the network, so the agent undid that change.',
      remedy: 'Correct the connection, then change the network again (a label is enough).',
    },
    ...readyOfNetwork,
    ...readyOfContainer,
    ...readyOfPreflight,
  },
} as const satisfies ConditionKind;
