import type { AgentClient } from '@trunkline/client';

/** Where addresses come from: the server, as the agent's client speaks with it. */
export type LeaseSource = Pick<AgentClient, 'syncLeases' | 'claimLease'>;
