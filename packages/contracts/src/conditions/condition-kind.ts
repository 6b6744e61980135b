/** A resource of the API that carries conditions. */
export type ConditionSubject = 'host' | 'network' | 'placement' | 'container' | 'preflight';

/** One reason of a condition: what it means, and what to do about it. */
export interface ReasonKind {
  means: string;
  remedy: string;
}

/** What a type of condition is. */
export interface ConditionKind {
  /** The resources that carry it. */
  on: readonly ConditionSubject[];
  /** Who finds out: the agent of the host, or the server. */
  reportedBy: readonly ('agent' | 'server')[];
  /** What holds when the status is `True`. */
  means: string;
  /** The status that needs nothing done. */
  good: 'True' | 'False';
  /** Other conditions whose reasons it takes over, because what is wrong there is wrong here. */
  inherits?: 'all' | readonly string[];
  reasons: Readonly<Record<string, ReasonKind>>;
}

export const nothingToDo = 'Nothing to do.';
export const agentDoesIt = 'Wait: the agent is doing it.';
