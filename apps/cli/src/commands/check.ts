import type { ApiClient } from '@trunkline/client';
import { checkPath, type Check, type CheckCreate } from '@trunkline/contracts';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { jsonText, yamlText } from '../format/data-text.ts';
import type { Output } from '../format/listing.ts';
import { plain } from '../format/plain.ts';
import { checkLines } from '../kinds/check-result.ts';
import { isInOrder } from '../kinds/checks.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { Failure } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';
import { checkRequest, type CheckOptions } from './check-request.ts';

export type CheckFlags = ServerFlags & CheckOptions & { readonly output: Output };

/** How long one request waits for the end of a check. */
const lookEvery = '5s';
/** Beyond its own time a check is given up by the server; so long is waited for that, in milliseconds. */
const graceMs = 30_000;

/** Runs a check to its end, and shows what it found. */
export async function check(
  io: Io,
  kind: CheckCreate['kind'],
  words: readonly (string | undefined)[],
  flags: CheckFlags,
): Promise<Ending> {
  const request = checkRequest(kind, words, flags);
  const done = await withServer(io, flags, ({ client }) => runToEnd(io, client, request));
  if (flags.output === 'json' || flags.output === 'yaml')
    io.write(flags.output === 'json' ? jsonText(done) : yamlText(done));
  else if (flags.output === 'name') io.write(`check/${plain(done.id)}\n`);
  else
    io.write(
      checkLines(done, io.paint, flags.output === 'wide')
        .map((line) => `${line}\n`)
        .join(''),
    );
  if (done.state === 'failed') throw new Failure('refused', `the check could not run: ${done.error ?? ''}`);
  if (done.state !== 'done')
    throw new Failure('waited', `the check did not end: ${done.error ?? done.state}`);
  return isInOrder(done) === true ? 'ok' : 'fault';
}

async function runToEnd(io: Io, client: ApiClient, request: CheckCreate): Promise<Check> {
  const began = io.now().getTime();
  let { body } = await client.checks.create(request);
  const deadline = began + body.timeoutSeconds * 1000 + graceMs;
  while ((body.state === 'pending' || body.state === 'running') && io.now().getTime() < deadline) {
    const seconds = Math.round((io.now().getTime() - began) / 1000);
    io.progress(`check ${body.kind} ${body.id} is ${body.state}, ${seconds} s of ${body.timeoutSeconds} s`);
    ({ body } = await client.request<Check>(
      { method: 'GET', path: checkPath(body.id) },
      { wait: lookEvery },
    ));
  }
  io.endProgress();
  return body;
}
