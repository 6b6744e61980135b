import { Container, ContainerCreate } from '@trunkline/contracts';
import { Failure } from '../lib/failure.ts';
import { textField } from './parse-documents.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { type Plan, type PlanDocument, type Planning } from './plan.ts';
import { writable } from './writable.ts';

/** A container is made, or changed as a whole; the server says what that would make of it. */
export const planContainer: PlanDocument = async (document, planning) => {
  const { client, options } = planning;
  const name = textField(document, 'name');
  const body = writable(document.fields, ContainerCreate, Container) as ContainerCreate;
  const current = await unlessMissing(client.containers.get(name));
  if (current === undefined) return creation(name, body, planning);
  if (current.body.deletingSince !== null)
    throw new Failure(
      'refused',
      `${document.where}: container ${name} is being removed: \`trunkline delete container ${name} --wait\`, then apply again`,
    );
  const change = { ifMatch: current.etag ?? '*', ...(options.force ? { force: true } : {}) };
  const { body: would } = await client.containers.put(name, body, { ...change, dryRun: true });
  return {
    ref: `container/${name}`,
    action: would.change?.how === 'inPlace' ? 'change' : (would.change?.how ?? 'change'),
    before: shown(current.body),
    after: shown(would),
    preflight: [],
    write: () => client.containers.put(name, body, change),
  };
};

async function creation(name: string, body: ContainerCreate, { client, made }: Planning): Promise<Plan> {
  const needs = [
    ...(body.attachments ?? []).map(({ network }) => `network/${network}`),
    ...(body.networkMode === undefined ? [] : [body.networkMode.replace('container:', 'container/')]),
  ];
  // The server cannot try what needs something that is not there yet.
  const after = needs.some((one) => made.has(one))
    ? body
    : shown((await client.containers.create(body, { dryRun: true })).body);
  return {
    ref: `container/${name}`,
    action: 'create',
    before: null,
    after,
    preflight: [],
    write: () => client.containers.create(body),
  };
}

const shown = (container: unknown): object => writable(container, ContainerCreate, Container) as object;
