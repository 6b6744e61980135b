import type { ApiClient } from '@trunkline/client';
import { ApiError } from '@trunkline/client';
import { explain } from '../lib/explain.ts';
import { Failure } from '../lib/failure.ts';
import { documentKinds, type DocumentKind } from './kinds.ts';
import type { WantedDocument } from './parse-documents.ts';
import { planAddress } from './plan-address.ts';
import { planContainer } from './plan-container.ts';
import { planHost } from './plan-host.ts';
import { planNetwork } from './plan-network.ts';
import type { Plan, PlanDocument, PlanOptions } from './plan.ts';

const planners: Readonly<Record<DocumentKind, PlanDocument>> = {
  host: planHost,
  network: planNetwork,
  address: planAddress,
  container: planContainer,
};

/** Documents in the order in which they can be made: what others need comes first, else as they were given. */
export const inOrder = (documents: readonly WantedDocument[]): WantedDocument[] =>
  documentKinds.flatMap((kind) => {
    const ofKind = documents.filter((one) => one.kind === kind);
    return [...ofKind.filter((one) => !sharesStack(one)), ...ofKind.filter(sharesStack)];
  });

/** Whether it is a container in the network stack of another. */
const sharesStack = ({ kind, fields }: WantedDocument): boolean =>
  kind === 'container' && typeof fields['networkMode'] === 'string';

/** Plans all documents; nothing is changed. Fails with the first refusal, and with where the document is. */
export async function planAll(
  client: ApiClient,
  documents: readonly WantedDocument[],
  options: PlanOptions,
): Promise<Plan[]> {
  const plans: Plan[] = [];
  const made = new Set<string>();
  for (const document of inOrder(documents)) {
    const plan = await planners[document.kind](document, { client, options, made }).catch(
      (error: unknown) => {
        throw withPlace(error, document.where);
      },
    );
    if (plans.some(({ ref }) => ref === plan.ref))
      throw new Failure('usage', `${document.where}: ${plan.ref} is in the documents twice`);
    if (plan.action === 'create') made.add(plan.ref);
    const write = () =>
      plan.write().catch((error: unknown) => {
        throw withPlace(error, document.where);
      });
    plans.push({ ...plan, write });
  }
  return plans;
}

/** A refusal of the server, with where the document is that it is about. */
function withPlace(error: unknown, where: string): unknown {
  if (!(error instanceof ApiError)) return error;
  const explanation = explain(error);
  return explanation === undefined
    ? error
    : new Failure(explanation.ending, `${where}: ${explanation.sentence}`);
}
