import { seeded } from '../e2e/seeded.ts';
import type { Operation } from './operation.ts';

/** What a plan is made from: the same settings make the same plan. */
export interface PlanSettings {
  readonly seed: number;
  readonly hosts: readonly string[];
  /** Addresses that are asked for by name; few, so that several ask for one. */
  readonly byName: readonly string[];
  /** Ethernet addresses that are asked for by name; few, so that several ask for one. */
  readonly macs: readonly string[];
  /** The most containers that a host is given at a time. */
  readonly perHost: number;
  /** How many operations lie between two calms, about. */
  readonly between: number;
}

/** A container as the plan takes it to be: it does not know what will be refused. */
export interface Planned {
  readonly name: string;
  readonly host: string;
  running: boolean;
  connected: boolean;
  /** On the network itself, not on another Docker network of it. */
  readonly first: boolean;
}

/** What a plan thinks has become of its fleet. */
export interface PlanState {
  readonly settings: PlanSettings;
  readonly containers: Map<string, Planned>;
  readonly agentsDown: Set<string>;
  readonly dockerdsDown: Set<string>;
  readonly cut: Set<string>;
  /** Hosts whose agent has the state of another one; their agents count as down, too. */
  readonly cloned: Set<string>;
  /** Hosts with a Docker network that keeps an address for itself. */
  readonly aux: Set<string>;
  /** Addresses of foreign machines. */
  readonly stations: Set<string>;
  readonly owners: Set<string>;
  isBackedUp: boolean;
  isExcluding: boolean;
  serverDown: boolean;
  named: number;
  /** A number from 0 up to, but not, `n`. */
  readonly below: (n: number) => number;
  readonly chance: (share: number) => boolean;
  /** One of them; undefined when there is none. */
  readonly pick: <T>(from: readonly T[]) => T | undefined;
}

export function newPlanState(settings: PlanSettings): PlanState {
  const random = seeded(settings.seed);
  const below = (n: number): number => Math.floor(random() * n);
  return {
    settings,
    containers: new Map(),
    agentsDown: new Set(),
    dockerdsDown: new Set(),
    cut: new Set(),
    cloned: new Set(),
    aux: new Set(),
    stations: new Set(),
    owners: new Set(),
    isBackedUp: false,
    isExcluding: false,
    serverDown: false,
    named: 0,
    below,
    chance: (share) => random() < share,
    pick: (from) => from[below(from.length)],
  };
}

/** Something that may be done next, and how often in comparison. Undefined: it is not possible now. */
export type WeightedOperation = readonly [weight: number, make: () => Operation | undefined];

/** The first that is possible, drawn by weight. */
export function draw({ below }: PlanState, from: readonly WeightedOperation[]): Operation | undefined {
  const left = [...from];
  while (left.length > 0) {
    let at = below(left.reduce((sum, [weight]) => sum + weight, 0));
    const index = left.findIndex(([weight]) => (at -= weight) < 0);
    const operation = left.splice(index, 1)[0]?.[1]();
    if (operation !== undefined) return operation;
  }
  return undefined;
}
