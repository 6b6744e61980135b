import type {
  Condition,
  ContainerReport,
  DesiredContainer,
  DesiredNetwork,
  PlacementReport,
  Reason,
} from '@trunkline/contracts';
import type { TestAgent, TestAnswer } from '@trunkline/test/integration/server.ts';

const readyCondition = (
  status: Condition['status'],
  generation: number,
  reason: Reason = status === 'True' ? 'Ready' : 'Missing',
): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: `${reason}, says the test`,
  observedGeneration: generation,
  lastTransitionTime: '2026-11-24T09:30:00.000Z',
});

/** What an agent reports of a network when it carried out its document. */
export function placementDone(network: DesiredNetwork, more: Partial<PlacementReport> = {}): PlacementReport {
  const removed = network.state === 'absent';
  return {
    networkId: network.id,
    generation: network.generation,
    removed,
    dockerNetworkId: removed ? null : `docker-${network.name}`,
    link: removed ? null : network.parent,
    lastAction: `${removed ? 'removed' : 'created'} Docker network ${network.name}`,
    conditions: [readyCondition(removed ? 'False' : 'True', network.generation)],
    ...more,
  };
}

/** What an agent reports of a network that it cannot make. */
export function placementFailed(network: DesiredNetwork, reason: Reason): PlacementReport {
  return placementDone(network, { conditions: [readyCondition('False', network.generation, reason)] });
}

/** What an agent reports of a container when it carried out its document. */
export function containerDone(
  container: DesiredContainer,
  more: Partial<ContainerReport> = {},
): ContainerReport {
  const absent = container.state === 'absent';
  return {
    containerId: container.id,
    generation: container.generation,
    state: absent ? 'absent' : 'running',
    dockerId: absent ? null : `docker-${container.name}`,
    startedAt: absent ? null : '2026-11-24T09:30:00.000Z',
    exitCode: null,
    endpoints: absent
      ? []
      : container.attachments.map(({ network, address, address6, mac }, i) => ({
          network,
          ipv4: address,
          ipv6: address6,
          mac: mac ?? `02:42:ac:10:64:0${i}`,
        })),
    conditions: [readyCondition(absent ? 'False' : 'True', container.generation)],
    ...more,
  };
}

/** Carries out the document of a host, and reports it. */
export async function carryOut(agent: TestAgent): Promise<TestAnswer> {
  const { networks, containers, revision } = await agent.document();
  const answer = await agent.report({
    observedRevision: revision,
    placements: networks.map((network) => placementDone(network)),
    containers: containers.map((container) => containerDone(container)),
  });
  if (answer.status !== 200) throw new Error(`report: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}
