import { randomBytes } from 'node:crypto';
import type { WebhookMessage } from '@trunkline/contracts';
import { Webhook } from 'standardwebhooks';

/** An event as the log has it. */
export interface LoggedEvent {
  revision: bigint;
  at: Date;
  type: string;
  subject: string;
  network: string | null;
  host: string | null;
  actor: string;
  requestId: string | null;
  data: unknown;
}

const prefix = 'whsec_';

/** 256 random bits (Standard Webhooks 1.0 asks for 192 to 512). */
export const newSigningSecret = (): Uint8Array<ArrayBuffer> => new Uint8Array(randomBytes(32));

/** A secret as libraries of the standard take it. */
export const secretText = (secret: Uint8Array): string => prefix + Buffer.from(secret).toString('base64');

/** The text of a message: signed and sent as it is, each time. */
export function messageOf(event: LoggedEvent): string {
  const { revision, at, type, ...rest } = event;
  const message: WebhookMessage = {
    type: type as WebhookMessage['type'],
    timestamp: at.toISOString(),
    data: { sequence: revision.toString(), ...rest, data: rest.data as WebhookMessage['data']['data'] },
  };
  return JSON.stringify(message);
}

/** Whether a filter such as `network.*` means a type of event. */
export const isMeant = (filters: readonly string[], type: string): boolean =>
  filters.some(
    (filter) =>
      filter === '*' || filter === type || (filter.endsWith('.*') && type.startsWith(filter.slice(0, -1))),
  );

/** The headers of a message; signed by each of the secrets, so that the target may know any of them. */
export function signedHeaders(
  delivery: { id: string; payload: string },
  secrets: readonly Uint8Array[],
  now: Date,
): Record<string, string> {
  const id = `msg_${delivery.id}`;
  const signatures = secrets.map((secret) => new Webhook(secretText(secret)).sign(id, now, delivery.payload));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}
