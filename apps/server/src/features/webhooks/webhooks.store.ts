import type { DeliveryState, WebhookDisabledReason } from '@trunkline/contracts';
import type { Prisma, PrismaClient, TransactionClient } from '../../platform/database/database.ts';

/** A webhook as it is kept. */
export interface WebhookRow {
  id: string;
  name: string;
  url: string;
  types: unknown;
  disabledReason: string | null;
  previousUntil: Date | null;
  lastDeliveredAt: Date | null;
  lastError: string | null;
  createdAt: Date;
  updatedAt: Date;
  _count: { deliveries: number };
}

/** A delivery without its message. */
export interface DeliveryRow {
  id: string;
  revision: bigint;
  type: string;
  state: string;
  attempts: number;
  nextAttemptAt: Date | null;
  lastAttemptAt: Date | null;
  lastStatus: number | null;
  lastError: string | null;
  createdAt: Date;
}

const columns = {
  id: true,
  name: true,
  url: true,
  types: true,
  disabledReason: true,
  previousUntil: true,
  lastDeliveredAt: true,
  lastError: true,
  createdAt: true,
  updatedAt: true,
  _count: { select: { deliveries: { where: { state: 'pending' } } } },
} as const;

const deliveryColumns = {
  id: true,
  revision: true,
  type: true,
  state: true,
  attempts: true,
  nextAttemptAt: true,
  lastAttemptAt: true,
  lastStatus: true,
  lastError: true,
  createdAt: true,
} as const;

export const findWebhook = (db: TransactionClient, name: string): Promise<WebhookRow | null> =>
  db.webhook.findUnique({ where: { name }, select: columns });

export const listWebhooks = (
  db: TransactionClient,
  after: string | undefined,
  take: number,
): Promise<WebhookRow[]> =>
  db.webhook.findMany({
    where: after === undefined ? {} : { name: { gt: after } },
    orderBy: { name: 'asc' },
    take,
    select: columns,
  });

/** The row of a webhook, held until the transaction ends. */
export async function lockWebhook(db: TransactionClient, name: string): Promise<WebhookRow | null> {
  await db.$queryRaw`SELECT 1 FROM webhook WHERE name = ${name} FOR UPDATE`;
  return findWebhook(db, name);
}

/** A webhook that gets the events from now on. */
export async function insertWebhook(
  db: TransactionClient,
  webhook: {
    name: string;
    url: string;
    types: readonly string[];
    secret: Uint8Array<ArrayBuffer>;
    now: Date;
  },
): Promise<WebhookRow> {
  const { now, types, ...rest } = webhook;
  return db.webhook.create({
    data: {
      ...rest,
      types: [...types],
      position: await headOf(db),
      createdAt: now,
      updatedAt: now,
    },
    select: columns,
  });
}

/** What is left out stays. `enabled` true: it goes on with the events from now on. */
export async function updateWebhook(
  db: TransactionClient,
  id: string,
  change: { url?: string; types?: readonly string[]; enabled?: boolean; now: Date },
): Promise<void> {
  const { url, types, enabled, now } = change;
  await db.webhook.update({
    where: { id },
    data: {
      updatedAt: now,
      ...(url === undefined ? {} : { url }),
      ...(types === undefined ? {} : { types: [...types] }),
      ...(enabled === undefined ? {} : { disabledReason: enabled ? null : 'operator' }),
      ...(enabled === true ? { position: await headOf(db), lastError: null } : {}),
    },
  });
}

/** The secret of now becomes the one before, until a time. */
export async function rotateSecret(
  db: TransactionClient,
  id: string,
  { secret, previousUntil, now }: { secret: Uint8Array<ArrayBuffer>; previousUntil: Date; now: Date },
): Promise<void> {
  await db.$executeRaw`
    UPDATE webhook SET previous_secret = secret, previous_until = ${previousUntil}, secret = ${secret}, updated_at = ${now}
    WHERE id = ${id}::uuid`;
}

export async function deleteWebhook(db: TransactionClient, id: string): Promise<void> {
  await db.webhook.delete({ where: { id } });
}

/** Newest first, before a revision. */
export const listDeliveries = (
  db: TransactionClient,
  webhookId: string,
  { state, before, take }: { state: DeliveryState | undefined; before: bigint | undefined; take: number },
): Promise<DeliveryRow[]> =>
  db.webhookDelivery.findMany({
    where: {
      webhookId,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { revision: { lt: before } }),
    },
    orderBy: { revision: 'desc' },
    take,
    select: deliveryColumns,
  });

/** Sends a delivery again from the first attempt on; null where the webhook has none with this id. */
export async function replayDelivery(
  db: TransactionClient,
  webhookId: string,
  id: string,
  now: Date,
): Promise<DeliveryRow | null> {
  await db.webhookDelivery.updateMany({
    where: { id, webhookId },
    data: { state: 'pending', attempts: 0, nextAttemptAt: now },
  });
  return db.webhookDelivery.findFirst({ where: { id, webhookId }, select: deliveryColumns });
}

/** Deletes up to `most` deliveries that ended before then; answers how many. */
export const deleteOldDeliveries = (prisma: PrismaClient, before: Date, most: number): Promise<number> =>
  prisma.$executeRaw`
    DELETE FROM webhook_delivery WHERE id IN (
      SELECT id FROM webhook_delivery WHERE state <> 'pending' AND created_at < ${before} ORDER BY created_at LIMIT ${most})`;

async function headOf(db: TransactionClient): Promise<bigint> {
  const [row] = await db.$queryRaw<{ value: bigint }[]>`SELECT value FROM revision`;
  return row?.value ?? 0n;
}

const eventsAtOnce = 500;
/** Deliveries of a webhook that wait; events beyond them wait in their log. */
const maxPending = 50_000;

/** A delivery to be made. */
export interface NewDelivery {
  revision: bigint;
  type: string;
  payload: string;
}

/**
 * Makes deliveries of events that a webhook has none of yet, for one webhook at a time: one that another server is at is
 * passed over. Answers whether there may be more.
 *
 * `deliveriesOf`: what the webhook gets of events.
 */
export function takeEvents(
  prisma: PrismaClient,
  now: Date,
  deliveriesOf: (
    types: readonly string[],
    events: readonly Prisma.EventGetPayload<object>[],
  ) => NewDelivery[],
): Promise<boolean> {
  return prisma.$transaction(async (db) => {
    const [webhook] = await db.$queryRaw<{ id: string; types: string[]; position: bigint; head: bigint }[]>`
      SELECT w.id, w.types, w.position, r.value AS head FROM webhook w CROSS JOIN revision r
      WHERE w.disabled_reason IS NULL AND w.position < r.value
        AND (SELECT count(*) FROM (SELECT 1 FROM webhook_delivery d WHERE d.webhook_id = w.id AND d.state = 'pending' LIMIT ${maxPending}) AS p) < ${maxPending}
      ORDER BY w.position LIMIT 1 FOR UPDATE OF w SKIP LOCKED`;
    if (webhook === undefined) return false;
    const { id, types, position, head } = webhook;
    // Revisions are in the order of commits: below the head nothing comes any more.
    const events = await db.event.findMany({
      where: { revision: { gt: position, lte: head } },
      orderBy: { revision: 'asc' },
      take: eventsAtOnce,
    });
    const last = events.length < eventsAtOnce ? head : (events.at(-1)?.revision ?? head);
    await db.webhookDelivery.createMany({
      data: deliveriesOf(types, events).map((delivery) => ({
        ...delivery,
        webhookId: id,
        nextAttemptAt: now,
        createdAt: now,
      })),
      skipDuplicates: true,
    });
    await db.webhook.update({ where: { id }, data: { position: last } });
    return true;
  });
}

/** A delivery that this server sends now, and what it needs for that. */
export interface ClaimedDelivery {
  id: string;
  webhookId: string;
  webhook: string;
  payload: string;
  attempts: number;
  createdAt: Date;
  url: string;
  secret: Uint8Array;
  previousSecret: Uint8Array | null;
  previousUntil: Date | null;
}

/**
 * Takes deliveries that are due, so many of each webhook, and counts the attempt. Until `until` no other server sends
 * them; after it one does, should this server have ended meanwhile.
 */
export function claimDue(
  prisma: PrismaClient,
  {
    now,
    until,
    most,
    perWebhook,
    busy,
  }: { now: Date; until: Date; most: number; perWebhook: number; busy: readonly string[] },
): Promise<ClaimedDelivery[]> {
  return prisma.$queryRaw`
    WITH due AS MATERIALIZED (
      SELECT x.id FROM webhook w CROSS JOIN LATERAL (
        SELECT d.id FROM webhook_delivery d
        WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.next_attempt_at <= ${now}
        ORDER BY d.next_attempt_at, d.revision LIMIT ${perWebhook} FOR UPDATE SKIP LOCKED
      ) AS x
      WHERE w.disabled_reason IS NULL AND w.id <> ALL (${[...busy]}::uuid[]) LIMIT ${most}
    )
    UPDATE webhook_delivery AS d SET attempts = d.attempts + 1, last_attempt_at = ${now}, next_attempt_at = ${until}
    FROM due, webhook w WHERE d.id = due.id AND w.id = d.webhook_id
    RETURNING d.id, d.webhook_id AS "webhookId", w.name AS webhook, d.payload, d.attempts, d.created_at AS "createdAt", w.url, w.secret,
              w.previous_secret AS "previousSecret", w.previous_until AS "previousUntil"`;
}

/** Of the claim itself: an attempt that was taken over, or replayed meanwhile, is no longer this server's. */
const ofClaim = ({ id, attempts }: ClaimedDelivery) => ({ id, attempts, state: 'pending' });

export async function noteDelivered(
  prisma: PrismaClient,
  claim: ClaimedDelivery,
  status: number,
  now: Date,
): Promise<void> {
  await prisma.$transaction([
    prisma.webhookDelivery.updateMany({
      where: ofClaim(claim),
      data: { state: 'delivered', nextAttemptAt: null, lastStatus: status, lastError: null },
    }),
    prisma.webhook.updateMany({
      where: { id: claim.webhookId },
      data: { lastDeliveredAt: now, lastError: null },
    }),
  ]);
}

/** `nextAttemptAt` null: it is given up. */
export async function noteFailure(
  db: TransactionClient,
  claim: ClaimedDelivery,
  failure: { status: number | null; error: string; nextAttemptAt: Date | null },
): Promise<void> {
  const { status, error, nextAttemptAt } = failure;
  await db.webhookDelivery.updateMany({
    where: ofClaim(claim),
    data: {
      lastStatus: status,
      lastError: error,
      nextAttemptAt,
      ...(nextAttemptAt === null ? { state: 'failed' } : {}),
    },
  });
  await db.webhook.updateMany({ where: { id: claim.webhookId }, data: { lastError: error } });
}

/** The attempt was cut short by the end of this server: it does not count, and the next server makes it at once. */
export async function giveBack(prisma: PrismaClient, claim: ClaimedDelivery, now: Date): Promise<void> {
  await prisma.webhookDelivery.updateMany({
    where: ofClaim(claim),
    data: { attempts: claim.attempts - 1, nextAttemptAt: now },
  });
}

/**
 * Disables a webhook that is enabled; false where it was not, or has delivered something since `unlessDeliveredSince`.
 */
export async function disableWebhook(
  db: TransactionClient,
  id: string,
  {
    reason,
    unlessDeliveredSince,
    now,
  }: { reason: WebhookDisabledReason; unlessDeliveredSince: Date | undefined; now: Date },
): Promise<boolean> {
  const { count } = await db.webhook.updateMany({
    where: {
      id,
      disabledReason: null,
      ...(unlessDeliveredSince === undefined
        ? {}
        : { OR: [{ lastDeliveredAt: null }, { lastDeliveredAt: { lt: unlessDeliveredSince } }] }),
    },
    data: { disabledReason: reason, updatedAt: now },
  });
  return count > 0;
}
