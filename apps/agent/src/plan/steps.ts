import type { DockerContainerSpec, DockerNetworkSpec } from '../host/docker-engine.ts';
import type { KernelModule } from '../host/kernel.ts';
import type { DetachedContainer } from '../observation/detached.ts';

/** One change of the host. Each is idempotent: carried out twice, it is as if once. */
export type Step =
  | { readonly do: 'set-link-up'; readonly link: string; readonly as: 'parent' | 'vlan' }
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
  | { readonly do: 'restart-container'; readonly dockerId: string; readonly name: string }
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
      | 'set-mtu'
      | 'hand-over-link'
      | 'remove-link';
  }
>;

/** Whether a step changes the links of the host itself and needs nothing else. */
export function touchesLinks(step: Step): step is LinkStep {
  return linkSteps.has(step.do);
}

/** Whether the links may be others after a step; the other steps change only what Docker says. */
export function changesLinks(step: Step): boolean {
  return touchesLinks(step) || step.do === 'set-link-down';
}

const linkSteps: ReadonlySet<Step['do']> = new Set([
  'set-link-up',
  'set-promiscuous',
  'load-module',
  'enable-forwarding',
  'add-vlan',
  'set-mtu',
  'hand-over-link',
  'remove-link',
]);

/** What a step did, for `lastAction`. */
export function describeStep(step: Step): string {
  switch (step.do) {
    case 'set-link-up':
      return `set ${step.link} up`;
    case 'set-link-down':
      return `set ${step.link} down again, as it was before the change that was undone`;
    case 'forget-link-to-restore':
      return `left ${step.link} as it is: it is down or gone, or needed by something else`;
    case 'set-promiscuous':
      return `set ${step.link} promiscuous`;
    case 'load-module':
      return `loaded kernel module ${step.module}`;
    case 'enable-forwarding':
      return 'turned on IPv4 forwarding';
    case 'set-mtu':
      return `set the MTU of ${step.link} to ${step.mtu}`;
    case 'hand-over-link':
      return `handed ${step.link} over to another network that uses it`;
    case 'detach-containers':
      return `disconnected ${step.containers.map(({ name }) => name).join(', ')} from ${step.name}`;
    case 'attach-container':
      return `connected ${step.container.name} to ${step.network} again`;
    case 'forget-detached':
      return `left ${step.container.name} alone: it is gone, or on the network again`;
    case 'add-vlan':
      return `made VLAN ${step.vlan} on ${step.parent} as ${step.link}`;
    case 'remove-link':
      return `removed ${step.link}`;
    case 'create-network':
      return `created Docker network ${step.spec.name} on ${step.link}`;
    case 'remove-network':
      return `removed Docker network ${step.name}${step.why === 'absent' ? '' : ' to replace it'}`;
    case 'adopt-network':
      return `adopted Docker network ${step.name}, which matches`;
    case 'forget-adoption':
      return `left Docker network ${step.name} in place because it was adopted, not created`;
    case 'pull-image':
      return `pulled ${step.image}`;
    case 'create-container':
      return `created container ${step.spec.name}`;
    case 'start-container':
      return `started container ${step.name}`;
    case 'restart-container':
      return `restarted container ${step.name}`;
    case 'set-default-route':
      return `set the IPv${step.family} default route of ${step.name} to ${step.gateway} of ${step.network}`;
    case 'stop-container':
      return `stopped container ${step.name}`;
    case 'remove-container':
      return `removed container ${step.name}${step.why === 'replace' ? ' to make it anew' : ''}`;
  }
}

/** What a step would do, for a preflight: `create Docker network …` where {@link describeStep} says `created …`. */
export function describeIntent(step: Step): string {
  return describeStep(step).replace(/^\w+/, (verb) => intents.get(verb) ?? verb);
}

const intents: ReadonlyMap<string, string> = new Map([
  ['adopted', 'adopt'],
  ['connected', 'connect'],
  ['created', 'create'],
  ['disconnected', 'disconnect'],
  ['handed', 'hand'],
  ['left', 'leave'],
  ['loaded', 'load'],
  ['made', 'make'],
  ['pulled', 'pull'],
  ['removed', 'remove'],
  ['restarted', 'restart'],
  ['started', 'start'],
  ['stopped', 'stop'],
  ['turned', 'turn'],
]);
