import type { ApiClient } from '@trunkline/client';
import type { HostPreflight } from '@trunkline/contracts';
import type { WantedDocument } from './parse-documents.ts';

/** What is asked of the server beside the documents. */
export interface PlanOptions {
  /** Allow what disconnects containers. */
  readonly force: boolean;
  /** Ask the agents what they would do. */
  readonly asksAgents: boolean;
}

/** What planning one document may need to know. */
export interface Planning {
  readonly client: ApiClient;
  readonly options: PlanOptions;
  /** Networks and containers that documents before it make, as `network/a`. */
  readonly made: ReadonlySet<string>;
}

/** What a document comes to. */
export interface Plan {
  /** `network/mac_net1`. */
  readonly ref: string;
  /** `replace`: changed, and another takes its place on its host. */
  readonly action: 'create' | 'change' | 'replace' | 'none';
  /** What requests may write of it, as it is; null: it is not there. */
  readonly before: object | null;
  /** The same, as it would be. */
  readonly after: object;
  /** What the agents said that they would do. */
  readonly preflight: readonly HostPreflight[];
  /** Why it cannot be made so, and what to do; left out: it can. */
  readonly refusal?: string;
  /** Makes it so. */
  readonly write: () => Promise<unknown>;
}

/** How documents of one kind are planned. */
export type PlanDocument = (document: WantedDocument, planning: Planning) => Promise<Plan>;
