import { isDeepStrictEqual } from 'node:util';
import { Host, type HostPatch } from '@trunkline/contracts';
import { Failure, misuse } from '../lib/failure.ts';
import { textField, type WantedDocument } from './parse-documents.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { type PlanDocument } from './plan.ts';

/** Of a host only the labels can be written, and it joins by itself. */
export const planHost: PlanDocument = async (document, { client }) => {
  const name = textField(document, 'name');
  const labels = labelsOf(document);
  const current = await unlessMissing(client.hosts.get(name));
  if (current === undefined)
    throw new Failure(
      'notFound',
      `${document.where}: host ${name} has not joined: \`trunkline join-command ${name}\` says how`,
    );
  const patch: HostPatch = { labels: { ...removals(current.body.labels, labels), ...labels } };
  const change = { ifMatch: current.etag ?? '*' };
  const { body: would } = await client.hosts.patch(name, patch, { ...change, dryRun: true });
  const [before, after] = [current.body, would].map((host) => ({ name, labels: host.labels }));
  return {
    ref: `host/${name}`,
    action: isDeepStrictEqual(before, after) ? 'none' : 'change',
    before: before ?? null,
    after: after ?? {},
    preflight: [],
    write: () => client.hosts.patch(name, patch, change),
  };
};

function labelsOf({ fields, where }: WantedDocument): Record<string, string> {
  const unknown = Object.keys(fields).find((key) => !Object.hasOwn(Host.properties, key));
  if (unknown !== undefined) throw misuse(`${where}: a host has no field \`${unknown}\``);
  const { labels = {} } = fields;
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    throw misuse(`${where}: \`labels\` has to be a map of texts, such as \`labels: {rack: a3}\``);
  return labels as Record<string, string>;
}

/** Null for each label that is to go (RFC 7396). */
const removals = (now: Readonly<Record<string, string>>, wanted: object): Record<string, null> =>
  Object.fromEntries(
    Object.keys(now)
      .filter((key) => !Object.hasOwn(wanted, key))
      .map((key) => [key, null]),
  );
