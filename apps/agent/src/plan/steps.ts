import type { DesiredContainer } from '@trunkline/contracts';
import { listed } from '@trunkline/log';
import type { DockerContainerSpec, DockerNetworkSpec } from '../host/docker-engine.ts';
import type { ContainerHostRouteChange } from '../host/container-host-routes.ts';
import type { KernelModule } from '../host/kernel.ts';
import type { ShimRouteChange } from '../host/shim-routes.ts';
import type { DetachedContainer } from '../observation/detached.ts';

/** One change of the host. Each is idempotent. */
export type Step =
  | { readonly do: 'set-link-up'; readonly link: string; readonly as: 'parent' | 'vlan' | 'shim' }
  | { readonly do: 'set-link-down'; readonly networkId: string; readonly link: string }
  | { readonly do: 'forget-link-to-restore'; readonly networkId: string; readonly link: string }
  | { readonly do: 'set-promiscuous'; readonly link: string }
  | { readonly do: 'load-module'; readonly module: KernelModule }
  | { readonly do: 'enable-forwarding' }
  | {
      readonly do: 'add-vlan';
      readonly parent: string;
      readonly link: string;
      readonly vlan: number;
      readonly alias: string;
    }
  | {
      readonly do: 'add-shim';
      readonly parent: string;
      readonly link: string;
      readonly mac: string;
      readonly alias: string;
    }
  | ({ readonly do: 'change-shim-routes'; readonly shim: string } & ShimRouteChange)
  | ({
      readonly do: 'change-host-routes';
      readonly dockerId: string;
      readonly name: string;
    } & ContainerHostRouteChange)
  | { readonly do: 'set-mtu'; readonly link: string; readonly mtu: number }
  | { readonly do: 'hand-over-link'; readonly link: string; readonly alias: string; readonly to: string }
  | { readonly do: 'remove-link'; readonly link: string; readonly alias: string }
  | { readonly do: 'create-network'; readonly spec: DockerNetworkSpec; readonly link: string }
  | {
      readonly do: 'remove-network';
      readonly dockerId: string;
      readonly name: string;
      readonly why: 'absent' | 'replace' | 'dead';
    }
  | {
      readonly do: 'detach-containers';
      readonly networkId: string;
      readonly dockerId: string;
      readonly name: string;
      readonly containers: readonly DetachedContainer[];
    }
  | {
      readonly do: 'attach-container';
      readonly networkId: string;
      readonly network: string;
      readonly container: DetachedContainer;
    }
  | { readonly do: 'forget-detached'; readonly networkId: string; readonly container: DetachedContainer }
  | {
      readonly do: 'adopt-network';
      readonly networkId: string;
      readonly dockerId: string;
      readonly name: string;
    }
  | { readonly do: 'forget-adoption'; readonly networkId: string; readonly name: string }
  | { readonly do: 'pull-image'; readonly image: string }
  | { readonly do: 'create-container'; readonly spec: DockerContainerSpec }
  | { readonly do: 'start-container'; readonly dockerId: string; readonly name: string }
  | { readonly do: 'start-again'; readonly dockerId: string; readonly name: string }
  | { readonly do: 'restart-container'; readonly dockerId: string; readonly name: string }
  | {
      readonly do: 'set-restart-policy';
      readonly dockerId: string;
      readonly name: string;
      readonly restart: DesiredContainer['restart'];
    }
  | {
      /** Of a container of others that shares the network stack of the container `of`. */
      readonly do: 'restart-sharer' | 'start-sharer';
      readonly dockerId: string;
      readonly name: string;
      readonly of: string;
    }
  | {
      readonly do: 'set-default-route';
      readonly dockerId: string;
      readonly name: string;
      readonly family: 4 | 6;
      readonly network: string;
      readonly gateway: string;
    }
  | { readonly do: 'stop-container'; readonly dockerId: string; readonly name: string }
  | {
      readonly do: 'remove-container';
      readonly dockerId: string;
      readonly name: string;
      readonly why: 'absent' | 'replace';
    };

/** How long a container may take to stop before it is killed, in seconds (Docker's own default). */
export const stopTimeoutSeconds = 10;

/** A step that changes the links of the host itself or the kernel below them, and needs no Docker. */
export type LinkStep = Extract<
  Step,
  {
    readonly do:
      | 'set-link-up'
      | 'set-promiscuous'
      | 'load-module'
      | 'enable-forwarding'
      | 'add-vlan'
      | 'add-shim'
      | 'set-mtu'
      | 'hand-over-link'
      | 'remove-link';
  }
>;

/** Whether a step changes the links of the host itself and needs nothing else. */
export function touchesLinks(step: Step): step is LinkStep {
  return linkSteps.has(step.do);
}

/** Whether a step may change the links of the host. The other steps change only Docker. */
export function changesLinks(step: Step): boolean {
  return touchesLinks(step) || step.do === 'set-link-down';
}

const linkSteps: ReadonlySet<Step['do']> = new Set([
  'set-link-up',
  'set-promiscuous',
  'load-module',
  'enable-forwarding',
  'add-vlan',
  'add-shim',
  'set-mtu',
  'hand-over-link',
  'remove-link',
]);

/** The verbs of steps, with what they are once the step is done. */
const done = {
  adopt: 'adopted',
  connect: 'connected',
  create: 'created',
  disconnect: 'disconnected',
  hand: 'handed',
  leave: 'left',
  load: 'loaded',
  make: 'made',
  pull: 'pulled',
  remove: 'removed',
  restart: 'restarted',
  set: 'set',
  start: 'started',
  stop: 'stopped',
  turn: 'turned',
} as const;

/** What a step does: its verb, and to what. */
function wordsOf(step: Step): readonly [verb: keyof typeof done, object: string] {
  switch (step.do) {
    case 'set-link-up':
      return ['set', `${step.link} up`];
    case 'set-link-down':
      return ['set', `${step.link} down again, as it was before the change that was undone`];
    case 'forget-link-to-restore':
      return ['leave', `${step.link} as it is: it is down or gone, or needed by something else`];
    case 'set-promiscuous':
      return ['set', `${step.link} promiscuous`];
    case 'load-module':
      return ['load', `kernel module ${step.module}`];
    case 'enable-forwarding':
      return ['turn', 'on IPv4 forwarding'];
    case 'set-mtu':
      return ['set', `the MTU of ${step.link} to ${step.mtu}`];
    case 'hand-over-link':
      return ['hand', `${step.link} over to another network that uses it`];
    case 'detach-containers':
      return ['disconnect', `${step.containers.map(({ name }) => name).join(', ')} from ${step.name}`];
    case 'attach-container':
      return ['connect', `${step.container.name} to ${step.network} again`];
    case 'forget-detached':
      return ['leave', `${step.container.name} alone: it is gone, or on the network again`];
    case 'add-vlan':
      return ['make', `VLAN ${step.vlan} on ${step.parent} as ${step.link}`];
    case 'add-shim':
      return ['make', `${step.link} on ${step.parent}, over which this host reaches its containers`];
    case 'change-shim-routes':
      return step.set.length > 0
        ? ['set', `routes to ${listed(step.set.map(({ ip }) => ip))} over ${step.shim}`]
        : ['remove', `routes to ${listed(step.remove)} over ${step.shim}`];
    case 'change-host-routes':
      return step.set.length > 0
        ? ['set', `routes to this host in ${step.name}`]
        : ['remove', `routes to this host in ${step.name}`];
    case 'remove-link':
      return ['remove', step.link];
    case 'create-network':
      return ['create', `Docker network ${step.spec.name} on ${step.link}`];
    case 'remove-network':
      return ['remove', `Docker network ${step.name}${step.why === 'absent' ? '' : ' to replace it'}`];
    case 'adopt-network':
      return ['adopt', `Docker network ${step.name}, which matches`];
    case 'forget-adoption':
      return ['leave', `Docker network ${step.name} in place because it was adopted, not created`];
    case 'pull-image':
      return ['pull', step.image];
    case 'create-container':
      return ['create', `container ${step.spec.name}`];
    case 'start-container':
      return ['start', `container ${step.name}`];
    case 'start-again':
      return ['start', `container ${step.name} again: its start had failed at its network`];
    case 'restart-container':
      return ['restart', `container ${step.name}`];
    case 'set-restart-policy':
      return ['set', `the restart policy of container ${step.name} to ${step.restart}`];
    case 'restart-sharer':
      return [
        'restart',
        `container ${step.name}, which shares the network stack of ${step.of}: that one was started after it`,
      ];
    case 'start-sharer':
      return [
        'start',
        `container ${step.name} again, which shares the network stack of ${step.of}: that one did not run when it was started`,
      ];
    case 'set-default-route':
      return [
        'set',
        `the IPv${step.family} default route of ${step.name} to ${step.gateway} of ${step.network}`,
      ];
    case 'stop-container':
      return ['stop', `container ${step.name}`];
    case 'remove-container':
      return ['remove', `container ${step.name}${step.why === 'replace' ? ' to make it again' : ''}`];
  }
}

/** What a step did, for `lastAction`: `created Docker network …`. */
export function describeStep(step: Step): string {
  const [verb, object] = wordsOf(step);
  return `${done[verb]} ${object}`;
}

/** What a step would do, for a preflight: `create Docker network …`. */
export function describeIntent(step: Step): string {
  return wordsOf(step).join(' ');
}
