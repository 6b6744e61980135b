/**
 * What whoever runs this host lets its agent do, whatever a server asks for. It comes from the settings of the agent alone, and
 * nothing that a server sends changes it.
 */
export interface Permissions {
  /** Interfaces that networks may have as parents, with their VLANs; null: all. */
  readonly parents: readonly string[] | null;
  /**
   * Containers that the agent may make, start, restart, stop, remove and take off a network: none (`off`), those that were
   * created through the API (`own`), or all.
   */
  readonly containers: ContainerPermission;
}

export const containerPermissions = ['off', 'own', 'all'] as const;
export type ContainerPermission = (typeof containerPermissions)[number];

/** Where nobody restricted anything. */
export const everything: Permissions = { parents: null, containers: 'all' };

/** Why networks may not have an interface as their parent; null: they may. Pure. */
export function parentRefusal(parent: string, { parents }: Permissions): string | null {
  if (parents === null || parents.includes(parent)) return null;
  return `this host allows its agent no network on ${parent}, but on ${parents.join(', ')} (TRUNKLINE_ALLOWED_PARENTS of the agent, which no server can override): name one of these in parent or parents, or allow ${parent} on the host`;
}

/** Why the agent may run no container; null: it may. Pure. */
export const containersRefusal = ({ containers }: Permissions): string | null =>
  containers === 'off'
    ? 'this host lets its agent run no containers (TRUNKLINE_CONTAINERS=off of the agent, which no server can override): choose another host, or allow it on the host'
    : null;
