import { webhookPath } from '@trunkline/contracts';
import { shortly } from '../../platform/failure-log.ts';
import type { Platform } from '../../platform/platform.ts';
import { isMeant, messageOf, signedHeaders } from './message.ts';
import { pauseAfter } from './schedule.ts';
import { sendTimeoutMs, type Send, type SendResult } from './send.ts';
import {
  claimDue,
  disableWebhook,
  giveBack,
  noteDelivered,
  noteFailure,
  takeEvents,
  type ClaimedDelivery,
} from './webhooks.store.ts';

/** Deliveries that this server sends at once: of one webhook, so that a slow target holds up no other, and in all. */
const atOnce = { perWebhook: 8, inAll: 32 };
/** Time alone makes deliveries due; looked for this often, in milliseconds. */
const lookEveryMs = 1_000;
/** Changes that come one after the other are looked at together. */
const gatherMs = 100;
/** While a delivery is sent no other server sends it: longer than sending may take. */
const claimMs = sendTimeoutMs * 4;
const maxError = 512;

export interface DispatcherDeps {
  platform: Pick<Platform, 'database' | 'changes' | 'feed' | 'log' | 'now'>;
  send: Send;
  /** From 0 to 1, for the pauses between attempts. */
  random: () => number;
}

/** Nobody waits. */
const asleep = (): void => undefined;

/**
 * Makes deliveries of new events, and sends those that are due, until stopped. All of its state is in the database: any
 * server goes on where another one ended. Answers how to stop, which gives back what is on its way.
 */
export function startDispatcher({ platform, send, random }: DispatcherDeps): () => Promise<void> {
  const { database, changes, feed, log, now } = platform;
  const { prisma } = database;
  const stopping = new AbortController();
  const underWay = new Map<string, { webhookId: string; done: Promise<void> }>();
  let wake = asleep;

  /** Waits for a change, the end of a delivery, or some time. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (stopping.signal.aborted) wake();
    });

  const disable = (
    { webhookId, webhook, createdAt }: ClaimedDelivery,
    reason: 'gone' | 'failing',
    error: string,
  ): Promise<void> =>
    changes.make({ actor: 'server' }, async (change) => {
      const unlessDeliveredSince = reason === 'failing' ? createdAt : undefined;
      if (!(await disableWebhook(change.db, webhookId, { reason, unlessDeliveredSince, now: now() }))) return;
      change.record({
        type: 'webhook.disabled',
        subject: webhookPath(webhook),
        data: { disabledReason: reason, message: error },
      });
    });

  const settle = async (
    claim: ClaimedDelivery,
    { status, error, retryAfterSeconds }: SendResult,
  ): Promise<void> => {
    if (error === null) return noteDelivered(prisma, claim, status ?? 0, now());
    if (stopping.signal.aborted && status === null) return giveBack(prisma, claim, now());
    const text = error.slice(0, maxError).toWellFormed().replaceAll('\0', '');
    const pauseMs = status === 410 ? undefined : pauseAfter(claim.attempts, random(), retryAfterSeconds);
    const nextAttemptAt = pauseMs === undefined ? null : new Date(now().getTime() + pauseMs);
    await noteFailure(prisma, claim, { status, error: text, nextAttemptAt });
    if (nextAttemptAt === null) await disable(claim, status === 410 ? 'gone' : 'failing', text);
  };

  const deliver = async (claim: ClaimedDelivery): Promise<void> => {
    const { id, payload, url, secret, previousSecret, previousUntil } = claim;
    const at = now();
    const isOverlapping = previousSecret !== null && previousUntil !== null && at < previousUntil;
    const headers = signedHeaders({ id, payload }, isOverlapping ? [secret, previousSecret] : [secret], at);
    try {
      await settle(claim, await send(new URL(url), { headers, body: payload }, stopping.signal));
    } catch (error) {
      // It is sent again when the claim has run out, under the same webhook-id.
      log.warn(
        { ...shortly(error), delivery: id },
        'what became of a webhook delivery could not be recorded',
      );
    } finally {
      underWay.delete(id);
      wake();
    }
  };

  const claim = async (): Promise<number> => {
    const most = atOnce.inAll - underWay.size;
    const counts = Map.groupBy(underWay.values(), ({ webhookId }) => webhookId);
    const busy = [...counts]
      .filter(([, some]) => some.length >= atOnce.perWebhook)
      .map(([webhookId]) => webhookId);
    if (most <= 0 || stopping.signal.aborted) return 0;
    const at = now();
    const until = new Date(at.getTime() + claimMs);
    const claims = await claimDue(prisma, { now: at, until, most, perWebhook: atOnce.perWebhook, busy });
    for (const one of claims) underWay.set(one.id, { webhookId: one.webhookId, done: deliver(one) });
    return claims.length;
  };

  const take = (): Promise<boolean> =>
    takeEvents(prisma, now(), (types, events) =>
      events
        .filter(({ type }) => isMeant(types, type))
        .map((event) => ({ revision: event.revision, type: event.type, payload: messageOf(event) })),
    );

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        while (!stopping.signal.aborted && (await take()));
        if ((await claim()) > 0) continue;
      } catch (error) {
        log.warn(shortly(error), 'webhooks cannot be sent, will try again');
      }
      await pause(lookEveryMs);
      if (!stopping.signal.aborted) await pause(gatherMs);
    }
  };

  const unsubscribe = feed.subscribe(() => wake());
  const running = run();
  return async () => {
    unsubscribe();
    stopping.abort();
    wake();
    await running;
    await Promise.all([...underWay.values()].map(({ done }) => done));
  };
}
