import type { DockerContainerSpec, DockerNetworkSpec } from '../host/docker-engine.ts';

/** One change of the host. Each is idempotent: carried out twice, it is as if once. */
export type Step =
  | { readonly do: 'set-link-up'; readonly link: string; readonly as: 'parent' | 'vlan' }
  | { readonly do: 'set-promiscuous'; readonly link: string }
  | {
      readonly do: 'add-vlan';
      readonly parent: string;
      readonly link: string;
      readonly vlan: number;
      readonly alias: string;
    }
  | { readonly do: 'remove-link'; readonly link: string; readonly alias: string }
  | { readonly do: 'create-network'; readonly spec: DockerNetworkSpec; readonly link: string }
  | {
      readonly do: 'remove-network';
      readonly dockerId: string;
      readonly name: string;
      readonly why: 'absent' | 'replace';
    }
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
  | { readonly do: 'stop-container'; readonly dockerId: string; readonly name: string }
  | {
      readonly do: 'remove-container';
      readonly dockerId: string;
      readonly name: string;
      readonly why: 'absent' | 'replace';
    };

/** How long a container may take to stop before it is killed, in seconds (Docker's own default). */
export const stopTimeoutSeconds = 10;

/** Whether a step changes the links of the host itself; the others change only what Docker says. */
export function touchesLinks(step: Step): boolean {
  return linkSteps.has(step.do);
}

const linkSteps: ReadonlySet<Step['do']> = new Set([
  'set-link-up',
  'set-promiscuous',
  'add-vlan',
  'remove-link',
]);

/** What a step did, for `lastAction`. */
export function describeStep(step: Step): string {
  switch (step.do) {
    case 'set-link-up':
      return `set ${step.link} up`;
    case 'set-promiscuous':
      return `set ${step.link} promiscuous`;
    case 'add-vlan':
      return `made VLAN ${step.vlan} on ${step.parent} as ${step.link}`;
    case 'remove-link':
      return `removed ${step.link}`;
    case 'create-network':
      return `created Docker network ${step.spec.name} on ${step.link}`;
    case 'remove-network':
      return `removed Docker network ${step.name}${step.why === 'replace' ? ' to make it anew' : ''}`;
    case 'adopt-network':
      return `adopted Docker network ${step.name}, which fits`;
    case 'forget-adoption':
      return `left Docker network ${step.name} in place because it was adopted, not made`;
    case 'pull-image':
      return `pulled ${step.image}`;
    case 'create-container':
      return `created container ${step.spec.name}`;
    case 'start-container':
      return `started container ${step.name}`;
    case 'restart-container':
      return `restarted container ${step.name}`;
    case 'stop-container':
      return `stopped container ${step.name}`;
    case 'remove-container':
      return `removed container ${step.name}${step.why === 'replace' ? ' to make it anew' : ''}`;
  }
}
