import type { ContainerOperation, HostOperation, Operation, RestartPolicy } from './operation.ts';
import type { Outcome } from './perform.ts';

/** What a run did to its containers, as far as it matters for what they are owed. */
export interface Ledger {
  /** An operation begins; the answer is to be called with how it ended. */
  begin(operation: Operation): (word: Outcome['word']) => void;
  /** It was started last and not stopped since: its restart policy keeps it running. */
  isAwaited(container: string): boolean;
  /** Address that it asks for at its next start; null: any. */
  pinOf(container: string): string | null;
  /** Its start may be refused for what it asks for beside an address, such as an Ethernet address. */
  isParticular(container: string): boolean;
  /** A container took an address, and its host reached the server all the while, or may not have. */
  noteServer(operation: ContainerOperation, isReached: boolean): void;
  /** The server was asked for its Ethernet address when it was started last; Docker itself may start it when nobody is there to ask. */
  isKnownToServer(container: string): boolean;
  /** Containers whose removal was asked for and did not go well. */
  unremoved(): readonly { readonly host: string; readonly container: string }[];
}

export function createLedger(): Ledger {
  /** Container to its host. */
  const started = new Map<string, string>();
  const policies = new Map<string, RestartPolicy>();
  const pins = new Map<string, string>();
  const particular = new Set<string>();
  const unremoved = new Map<string, string>();
  /** Container to its host. */
  const known = new Map<string, string>();
  const kills = new Map<string, number>();
  const killsOn = (host: string): number => kills.get(host) ?? 0;

  /**
   * A dockerd that finds a container alive of before it was killed stops it as `docker stop` does: `unless-stopped` does not
   * bring that one back, `always` does (moby, daemon.go, restore, without live-restore; seen with 20.10).
   */
  function killed({ host }: HostOperation): void {
    kills.set(host, killsOn(host) + 1);
    for (const [container, on] of started)
      if (on === host && policies.get(container) === 'unless-stopped') started.delete(container);
  }

  function ended(operation: ContainerOperation, word: Outcome['word'], wasKilled: boolean): void {
    const { do: what, host, container } = operation;
    const ok = word === 'ok';
    if ((what === 'run' || what === 'connect') && operation.ip !== null) pins.set(container, operation.ip);
    if (what === 'connect' && operation.ip === null && ok) pins.delete(container);
    if (what === 'run' || what === 'start' || what === 'restart') {
      if (ok && !particular.has(container) && !(wasKilled && policies.get(container) === 'unless-stopped'))
        started.set(container, host);
      else started.delete(container);
    }
    if (what === 'stop' || what === 'rm') started.delete(container);
    if (what === 'rm') {
      // A removal that found none may have come before the container that a slow `docker run` makes.
      if (ok) unremoved.delete(container);
      else unremoved.set(container, host);
    }
  }

  return {
    begin(operation) {
      if (operation.do === 'kill dockerd') killed(operation);
      if (/dockerd|reboot/.test(operation.do) && 'host' in operation)
        for (const [container, host] of known) if (host === operation.host) known.delete(container);
      if (!('container' in operation)) return () => undefined;
      if (operation.do === 'run') {
        const { container, restart, mac, starts, network } = operation;
        policies.set(container, restart);
        if (mac !== null || !starts || network === 'second') particular.add(container);
      }
      const before = killsOn(operation.host);
      return (word) => ended(operation, word, killsOn(operation.host) !== before);
    },
    isAwaited: (container) => started.has(container),
    pinOf: (container) => pins.get(container) ?? null,
    isParticular: (container) => particular.has(container),
    noteServer({ host, container }, isReached) {
      if (isReached) known.set(container, host);
      else known.delete(container);
    },
    isKnownToServer: (container) => known.has(container),
    unremoved: () => [...unremoved].map(([container, host]) => ({ container, host })),
  };
}
