import { isDeepStrictEqual } from 'node:util';
import { ApiError, type Answer } from '@trunkline/client';
import { Network, NetworkCreate } from '@trunkline/contracts';
import { explain } from '../lib/explain.ts';
import { textField } from './parse-documents.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { type PlanDocument } from './plan.ts';
import { writable } from './writable.ts';

/** A network is replaced as a whole; the server says what that would make of it. */
export const planNetwork: PlanDocument = async (document, { client, options }) => {
  const name = textField(document, 'name');
  const body = writable(document.fields, NetworkCreate, Network) as NetworkCreate;
  const ref = `network/${name}`;
  // Without time to wait for them no agent is asked.
  const asking = { dryRun: true, ...(options.asksAgents ? {} : { wait: '0s' as const }) };
  const current = await unlessMissing(client.networks.get(name));
  if (current === undefined) {
    const { body: would } = await client.networks.create(body, asking);
    return {
      ref,
      action: 'create',
      before: null,
      after: shown(would),
      preflight: would.preflight ?? [],
      write: () => client.networks.create(body),
    };
  }
  const change = { ifMatch: current.etag ?? '*', ...(options.force ? { force: true } : {}) };
  const put = (force: boolean): Promise<Answer<Network>> =>
    client.networks.put(name, body, { ...change, ...asking, ...(force ? { force } : {}) });
  let refusal: string | undefined;
  // What is refused while containers are attached can still be shown.
  const { body: would } = await put(options.force).catch((error: unknown) => {
    if (options.force || !(error instanceof ApiError && error.code === 'network_in_use')) throw error;
    refusal = `${document.where}: ${explain(error)?.sentence ?? error.message}`;
    return put(true);
  });
  const [before, after] = [shown(current.body), shown(would)];
  return {
    ref,
    action: isDeepStrictEqual(before, after) ? 'none' : 'change',
    before,
    after,
    preflight: would.preflight ?? [],
    ...(refusal === undefined ? {} : { refusal }),
    write: () => client.networks.put(name, body, change),
  };
};

const shown = (network: Network): object => writable(network, NetworkCreate, Network) as object;
