import type {
  ContainerState,
  InventoryItem,
  Lease,
  LeaseClaim,
  LeaseSync,
  LeaseSyncAnswer,
} from '@trunkline/contracts';
import type { TestAgent, TestAnswer } from '@trunkline/test/integration/server.ts';

/** What an agent asks of `POST /agent/v1/leases`; what is left out is empty. Fails when the server refuses it. */
export async function syncLeases(agent: TestAgent, sync: Partial<LeaseSync>): Promise<LeaseSyncAnswer> {
  const body = { held: null, returns: [], wants: [], ...sync };
  const answer = await agent.send('POST', '/agent/v1/leases', body);
  if (answer.status !== 200) throw new Error(`leases: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as LeaseSyncAnswer;
}

/** Takes some addresses of a network. */
export async function takeLeases(
  agent: TestAgent,
  networkId: string,
  count: number,
  onDemand = false,
): Promise<LeaseSyncAnswer> {
  return syncLeases(agent, { wants: [{ networkId, family: 'ipv4', count, onDemand }] });
}

/** As an agent gives leases back. */
export const returning = (
  leases: readonly Pick<Lease, 'networkId' | 'ip' | 'generation'>[],
  reason: 'unused' | 'released' | 'conflicted',
  mac: string | null = null,
): LeaseSync['returns'] =>
  leases.map(({ networkId, ip, generation }) => ({ networkId, ip, generation, reason, mac }));

export const held = (leases: readonly Lease[]): NonNullable<LeaseSync['held']> =>
  leases.map(({ networkId, ip, generation }) => ({ networkId, ip, generation }));

export function claimLease(
  agent: TestAgent,
  networkId: string,
  claim: Partial<LeaseClaim>,
): Promise<TestAnswer> {
  return agent.send('POST', '/agent/v1/leases/claim', {
    networkId,
    family: 'ipv4',
    ip: null,
    mac: null,
    name: null,
    ...claim,
  });
}

/** A container that some tool started on a network. */
export const seenContainer = (
  networkId: string,
  name: string,
  ipv4: string | null,
  state: ContainerState = 'running',
): InventoryItem => ({
  dockerId: `docker-${name}`,
  name,
  state,
  networkId,
  ipv4,
  ipv6: null,
  mac: state === 'running' ? '02:42:ac:10:64:99' : null,
});

/** Reports which containers are on the networks of a host. */
export async function reportInventory(agent: TestAgent, inventory: InventoryItem[]): Promise<void> {
  const answer = await agent.report({ observedRevision: '1', inventory });
  if (answer.status !== 200) throw new Error(`report: ${answer.status} ${JSON.stringify(answer.body)}`);
}
