import { compareMachines, marksOfInstance } from '@trunkline/contracts';

/**
 * An instance on the machine that a host's agent runs on, once `instance` speaks for it, or `copied` where it runs on another
 * machine and no operator accepted it there as this host. What cannot be decided is taken as before: agents decide by
 * the same table for themselves, and an older one reports nothing of its machine. Pure.
 */
export function machineAfter(recorded: string | null, instance: string): string | null {
  const speaks = marksOfInstance(instance);
  if (speaks === undefined) return recorded;
  const known = recorded === null ? undefined : marksOfInstance(recorded);
  if (known === undefined || speaks.accepted) return instance;
  switch (compareMachines(known.marks, speaks.marks).is) {
    case 'same':
      return instance;
    case 'unseen':
      return recorded;
    case 'other':
      return 'copied';
  }
}
