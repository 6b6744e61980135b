import { lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { messageOf } from '@trunkline/log';
import { isAllowed, targetRefusal, type TargetRules } from './target.ts';

/** What came of sending a message; `status` null: there was no answer. */
export interface SendResult {
  status: number | null;
  /** Null: the target accepted it. */
  error: string | null;
  retryAfterSeconds?: number | undefined;
}

/** Sends a message to a URL. Never rejects. */
export type Send = (
  url: URL,
  message: { headers: Readonly<Record<string, string>>; body: string },
  signal: AbortSignal,
) => Promise<SendResult>;

/** From the look-up of the name to the end of the answer (Standard Webhooks 1.0 recommends 15 to 30 s). */
export const sendTimeoutMs = 15_000;
/** The answer's body says nothing to us; so much of it is let in, in bytes. */
const maxAnswerBytes = 16 * 1024;
const maxHeadBytes = 16 * 1024;

/** Refuses addresses before anything is sent to them: what was looked up is what is connected to, so no name changes in between. */
const guardedLookup =
  (judge: (address: string) => string | undefined): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const allowed = found.filter(({ address }) => judge(address) === undefined);
      const [first] = allowed;
      if (first === undefined) {
        const address = found[0]?.address ?? hostname;
        return callback(new Error(`${hostname} is ${address}, ${judge(address) ?? 'which is refused'}`), []);
      }
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };

function retryAfterOf(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now.getTime()) / 1000);
}

/** Answers how to send: to allowed addresses only, without redirects, within bounds. */
export function createSend(rules: TargetRules, now: () => Date): Send {
  return (url, { headers, body }, signal) =>
    new Promise((resolve) => {
      // Plain HTTP shows everybody on the way what is sent: only within networks that an operator named.
      const judge = (address: string): string | undefined =>
        url.protocol === 'http:' && !isAllowed(address, rules)
          ? 'to which http:// is not allowed: use https://, or TRUNKLINE_WEBHOOK_ALLOW'
          : targetRefusal(address, rules);
      const fail = (error: string): void => resolve({ status: null, error });
      const host = url.hostname.replace(/^\[|\]$/g, '');
      // A literal address is never looked up.
      const refusal = isIP(host) === 0 ? undefined : judge(host);
      if (refusal !== undefined) return fail(`${host}: ${refusal}`);
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(sendTimeoutMs)]);
      const request = (url.protocol === 'http:' ? requestHttp : requestHttps)(
        url,
        {
          method: 'POST',
          agent: false,
          lookup: guardedLookup(judge),
          signal: bounded,
          maxHeaderSize: maxHeadBytes,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': 'Trunkline-Webhooks/1.0',
            ...headers,
          },
        },
        (answer) => {
          const status = answer.statusCode ?? 0;
          const retryAfterSeconds = retryAfterOf(answer.headers['retry-after'], now());
          const done = (): void => {
            request.destroy();
            const isRedirect = status >= 300 && status < 400;
            const error =
              status >= 200 && status < 300
                ? null
                : `the target answered ${status}${isRedirect ? ', and redirects are not followed' : ''}`;
            resolve({ status, error, retryAfterSeconds });
          };
          let left = maxAnswerBytes;
          answer
            .on('data', (chunk: Buffer) => {
              left -= chunk.length;
              if (left < 0) done();
            })
            .once('end', done)
            // Its head is the answer, whatever becomes of the rest.
            .once('error', done)
            .once('aborted', done);
        },
      );
      request.once('error', (error) =>
        fail(
          signal.aborted
            ? 'the server stopped meanwhile'
            : bounded.aborted
              ? `there was no answer within ${sendTimeoutMs / 1000} s`
              : messageOf(error),
        ),
      );
      request.end(body);
    });
}
