import { createReadStream } from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';
import { patient } from './patience.ts';

/** One call to a Docker Engine through its socket. */
export interface EngineRequest {
  readonly socket: string;
  readonly method: 'GET' | 'POST';
  /** Without a version: the daemon answers in its own. */
  readonly path: string;
  /** File that is sent as the body. */
  readonly bodyFile?: string;
  readonly timeoutMs: number;
}

/** Makes the call; resolves with status and text. Rejects when nothing answers in time. */
export async function engineRequest(request: EngineRequest): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const outgoing = http.request(
    {
      socketPath: request.socket,
      method: request.method,
      path: request.path,
      headers: {
        host: 'docker',
        ...(request.bodyFile === undefined ? {} : { 'content-type': 'application/x-tar' }),
      },
      signal: AbortSignal.timeout(patient(request.timeoutMs)),
    },
    (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
      response.on('error', reject);
    },
  );
  outgoing.on('error', reject);
  if (request.bodyFile === undefined) outgoing.end();
  else await pipeline(createReadStream(request.bodyFile), outgoing);
  return await promise;
}
