import type { Answer, ApiClient, WriteOptions } from '@trunkline/client';
import { ownerPath, type Address } from '@trunkline/contracts';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { isDocumentKind, type DocumentKind } from '../documents/kinds.ts';
import { textField, type WantedDocument } from '../documents/parse-documents.ts';
import { inOrder } from '../documents/plan-all.ts';
import { unlessMissing } from '../lib/unless-missing.ts';
import { plain } from '../format/plain.ts';
import { placeOfAddress } from '../kinds/addresses.ts';
import { kindOf } from '../kinds/index.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';
import { readDocuments } from './read-documents.ts';
import { waitUntil, type Awaited } from './wait-until.ts';

export type DeleteFlags = ServerFlags & {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly wait?: number;
};

interface Target {
  readonly kind: DocumentKind;
  readonly name: string;
  /** It is no mistake when it is gone already. */
  readonly mayBeGone: boolean;
}

/** Deletes resources by their names, or those that documents name. */
export async function deleteResources(
  io: Io,
  word: string | undefined,
  names: readonly string[],
  flags: DeleteFlags,
): Promise<Ending> {
  if ((word === undefined) === (flags.file === undefined))
    throw misuse('say what to delete: either KIND NAME, such as `network mac_net1`, or -f FILE');
  const documents = flags.file === undefined ? undefined : await readDocuments(io, flags.file);
  return withServer<Ending>(io, flags, async ({ client }) => {
    const targets = documents === undefined ? named(word ?? '', names) : await inDocuments(client, documents);
    const awaited: Awaited[] = [];
    for (const { kind, name, mayBeGone } of targets) {
      const request = remove(client, kind, name, flags);
      const answer = mayBeGone ? await unlessMissing(request) : await request;
      io.write(`${plain(`${kind}/${name}`)} ${outcomeOf(answer, flags)}\n`);
      if (answer?.status === 202 && (kind === 'network' || kind === 'container'))
        awaited.push({ kind, name, until: 'gone' });
    }
    if (flags.wait !== undefined && flags.dryRun !== true) await waitUntil(io, client, awaited, flags.wait);
    return 'ok';
  });
}

function named(word: string, names: readonly string[]): Target[] {
  const { name: kind, plural } = kindOf(word);
  if (!isDocumentKind(kind)) throw misuse(`${plural} cannot be deleted`);
  if (names.length === 0) throw misuse(`say which: \`trunkline delete ${kind} NAME\``);
  return names.map((name) => ({ kind, name, mayBeGone: false }));
}

/** What documents name, in the order in which it can go. */
async function inDocuments(client: ApiClient, documents: readonly WantedDocument[]): Promise<Target[]> {
  const host = documents.find(({ kind }) => kind === 'host');
  if (host !== undefined)
    throw misuse(
      `${host.where}: a document of a host is about its labels, and does not retire it: \`trunkline delete host NAME\` does`,
    );
  const targets: Target[] = [];
  for (const document of inOrder(documents).toReversed()) {
    const names =
      document.kind === 'address' ? await namesOfAddress(client, document) : [textField(document, 'name')];
    targets.push(...names.map((name) => ({ kind: document.kind, name, mayBeGone: true })));
  }
  return targets;
}

async function namesOfAddress(client: ApiClient, document: WantedDocument): Promise<string[]> {
  const network = textField(document, 'network');
  if (document.fields['ip'] !== undefined) return [`${network}/${textField(document, 'ip')}`];
  const path = ownerPath(network, textField(document, 'owner'));
  const owned = await unlessMissing(client.request<{ items: readonly Address[] }>({ method: 'GET', path }));
  return (owned?.body.items ?? []).map(({ ip }) => `${network}/${ip}`);
}

async function remove(
  client: ApiClient,
  kind: DocumentKind,
  name: string,
  { force, dryRun }: DeleteFlags,
): Promise<Answer<unknown>> {
  const options: WriteOptions = {
    ...(force === true ? { force } : {}),
    ...(dryRun === true ? { dryRun } : {}),
  };
  switch (kind) {
    case 'network':
      return client.networks.remove(name, { ...options, ifMatch: '*' });
    case 'host':
      return client.hosts.retire(name, { ...options, ifMatch: '*' });
    case 'container':
      return client.containers.remove(name, options);
    case 'address': {
      const { network, ip } = await placeOfAddress(client, name);
      return client.addresses.release(network, ip, options);
    }
  }
}

function outcomeOf(answer: Answer<unknown> | undefined, { dryRun }: DeleteFlags): string {
  if (answer === undefined) return 'is not there';
  if (dryRun === true) return 'would be deleted';
  return answer.status === 202 ? 'is being removed' : 'deleted';
}
