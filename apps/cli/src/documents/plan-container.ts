import { isDeepStrictEqual } from 'node:util';
import { Container, ContainerCreate } from '@trunkline/contracts';
import { Failure } from '../lib/failure.ts';
import { textField } from './parse-documents.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { type Plan, type PlanDocument, type Planning } from './plan.ts';
import { wantedContainer } from './wanted-container.ts';
import { writable } from './writable.ts';

/** A container is made; one that is there is compared, and not changed: the API cannot. */
export const planContainer: PlanDocument = async (document, planning) => {
  const { client } = planning;
  const name = textField(document, 'name');
  const body = writable(document.fields, ContainerCreate, Container) as ContainerCreate;
  const current = await unlessMissing(client.containers.get(name));
  if (current === undefined) return creation(name, body, planning);
  if (current.body.deletingSince !== null)
    throw new Failure(
      'refused',
      `${document.where}: container ${name} is being removed: \`trunkline delete container ${name} --wait\`, then apply again`,
    );
  const before = shown(current.body);
  const after = shown(wantedContainer(body, current.body));
  const ref = `container/${name}`;
  if (isDeepStrictEqual(before, after)) return { ...unchanging, ref, action: 'none', before, after };
  const refusal = `${document.where}: container ${name} differs (${differing(before, after).join(', ')}) and the API cannot change a container: \`trunkline delete container ${name} --wait\`, then apply again`;
  return { ...unchanging, ref, action: 'change', before, after, refusal };
};

const unchanging = { preflight: [], write: async () => undefined } as const;

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

function differing(before: object, after: object): string[] {
  const [one, other] = [before, after].map((value) => value as Readonly<Record<string, unknown>>);
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(one?.[name], other?.[name]));
}
