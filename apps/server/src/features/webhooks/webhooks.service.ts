import { networkInterfaces } from 'node:os';
import {
  defaultOverlapSeconds,
  webhookPath,
  type DeliveryState,
  type Webhook,
  type WebhookCreate,
  type WebhookDelivery,
  type WebhookDisabledReason,
  type WebhookPatch,
  type WebhookRotate,
} from '@trunkline/contracts';
import { parseCidr, type Cidr } from '@trunkline/netaddr';
import type { Change, ChangeContext } from '../../platform/changes.ts';
import { ApiError, invalidFields } from '../../platform/errors.ts';
import type { Reply } from '../../platform/idempotency.ts';
import {
  decodeCursor,
  isNamePosition,
  isRevisionPosition,
  pageOf,
  type PageOf,
} from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { deleteInSteps, startSweep } from '../../platform/sweep.ts';
import { startDispatcher } from './dispatcher.ts';
import { newSigningSecret, secretText } from './message.ts';
import { createSend } from './send.ts';
import { readTarget } from './target.ts';
import {
  deleteOldDeliveries,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listDeliveries,
  listWebhooks,
  lockWebhook,
  replayDelivery,
  rotateSecret,
  updateWebhook,
  type DeliveryRow,
  type WebhookRow,
} from './webhooks.store.ts';

interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

/** Webhooks: where events are sent, as Standard Webhooks 1.0 has it. */
export interface WebhooksService {
  /** Throws webhook_exists. */
  create(request: WebhookCreate, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  list(page: PageRequest): Promise<PageOf<Webhook>>;
  /** Throws webhook_not_found, as everything below. */
  get(name: string): Promise<Webhook>;
  patch(name: string, patch: WebhookPatch, context: ChangeContext): Promise<Webhook>;
  remove(name: string, context: ChangeContext): Promise<void>;
  rotate(
    name: string,
    request: WebhookRotate,
    context: ChangeContext,
  ): Promise<Reply & { replayed: boolean }>;
  deliveries(
    name: string,
    state: DeliveryState | undefined,
    page: PageRequest,
  ): Promise<PageOf<WebhookDelivery>>;
  /** Throws delivery_not_found. */
  replay(name: string, id: string, context: ChangeContext): Promise<Reply & { replayed: boolean }>;
  /** Starts sending, and deleting what was sent long ago; answers how to stop. */
  startSending(): () => Promise<void>;
}

/** How long deliveries that ended are listed, in milliseconds. */
const keepMs = 7 * 86_400_000;
const sweepMs = 600_000;

const notFound = (name: string): ApiError =>
  new ApiError('webhook_not_found', `there is no webhook ${name}: see GET /v1/webhooks`);

const present = (
  { types, disabledReason, previousUntil, lastDeliveredAt, _count, ...row }: WebhookRow,
  now: Date,
): Webhook => ({
  ...row,
  types: types as string[],
  enabled: disabledReason === null,
  disabledReason: disabledReason as WebhookDisabledReason | null,
  previousSecretUntil: previousUntil !== null && previousUntil > now ? previousUntil.toISOString() : null,
  lastDeliveredAt: lastDeliveredAt?.toISOString() ?? null,
  pending: _count.deliveries,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

const presentDelivery = ({ revision, ...row }: DeliveryRow): WebhookDelivery => ({
  ...row,
  sequence: revision.toString(),
  type: row.type as WebhookDelivery['type'],
  state: row.state as DeliveryState,
  nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
  lastAttemptAt: row.lastAttemptAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
});

/** What operators set of a webhook, for the audit log. */
const settingsOf = ({
  url,
  types,
  disabledReason,
}: Pick<WebhookRow, 'url' | 'types' | 'disabledReason'>): object => ({
  url,
  types,
  enabled: disabledReason === null,
});

function checkUrl(url: string | undefined): void {
  const target = url === undefined ? undefined : readTarget(url);
  if (typeof target === 'string') throw invalidFields([{ pointer: '/url', message: target }]);
}

/** Addresses of this machine, as they are now. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));

/** An address alone is a network of one. */
const cidrOf = (text: string): Cidr =>
  parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);

/** The webhook, held until the transaction ends. */
const locked = async (change: Change, name: string): Promise<WebhookRow> => {
  const row = await lockWebhook(change.db, name);
  if (row === null) throw notFound(name);
  return row;
};

export function createWebhooksService(
  platform: Platform,
  options: {
    /** Addresses and CIDRs that messages may be sent to although they are not public. */
    allowed: readonly string[];
  },
): WebhooksService {
  const { changes, now } = platform;
  const { prisma } = platform.database;
  const rules = { allowed: options.allowed.map(cidrOf), own: ownAddresses };

  const found = async (name: string): Promise<WebhookRow> => {
    const row = await findWebhook(prisma, name);
    if (row === null) throw notFound(name);
    return row;
  };

  return {
    async create({ name, url, types = ['*'] }, context) {
      checkUrl(url);
      return changes.makeOnce(context, async (change) => {
        if ((await findWebhook(change.db, name)) !== null)
          throw new ApiError(
            'webhook_exists',
            `there is already a webhook ${name}: change it with PATCH, or choose another name`,
          );
        const secret = newSigningSecret();
        const row = await insertWebhook(change.db, { name, url, types, secret, now: now() });
        change.record({ type: 'webhook.created', subject: webhookPath(name) });
        change.audit({ subject: webhookPath(name), after: settingsOf(row) });
        if (context.dryRun === true) return { status: 200, body: present(row, now()) };
        return {
          status: 201,
          headers: { location: webhookPath(name) },
          body: { ...present(row, now()), secret: secretText(secret) },
          secret: true,
        };
      });
    },

    async list({ limit, cursor }) {
      const rows = await listWebhooks(prisma, decodeCursor('webhooks', cursor, isNamePosition), limit + 1);
      const page = pageOf('webhooks', rows, limit, ({ name }) => name);
      return { ...page, items: page.items.map((row) => present(row, now())) };
    },

    get: async (name) => present(await found(name), now()),

    async patch(name, patch, context) {
      checkUrl(patch.url);
      return changes.make(context, async (change) => {
        const before = await locked(change, name);
        // Enabled again is enabled: what it waits for stays.
        const { enabled, ...rest } = patch;
        const turned = enabled === (before.disabledReason === null) ? undefined : enabled;
        await updateWebhook(change.db, before.id, {
          ...rest,
          ...(turned === undefined ? {} : { enabled: turned }),
          now: now(),
        });
        const after = await locked(change, name);
        change.record({
          type: 'webhook.updated',
          subject: webhookPath(name),
          data: { fields: Object.keys(patch) },
        });
        change.audit({ subject: webhookPath(name), before: settingsOf(before), after: settingsOf(after) });
        return present(after, now());
      });
    },

    remove: (name, context) =>
      changes.make(context, async (change) => {
        const row = await locked(change, name);
        await deleteWebhook(change.db, row.id);
        change.record({ type: 'webhook.deleted', subject: webhookPath(name) });
        change.audit({ subject: webhookPath(name), before: settingsOf(row) });
      }),

    rotate: (name, { overlapSeconds = defaultOverlapSeconds }, context) =>
      changes.makeOnce(context, async (change) => {
        const { id } = await locked(change, name);
        const secret = newSigningSecret();
        const previousUntil = new Date(now().getTime() + overlapSeconds * 1000);
        await rotateSecret(change.db, id, { secret, previousUntil, now: now() });
        change.record({
          type: 'webhook.rotated',
          subject: webhookPath(name),
          data: { previousSecretUntil: previousUntil.toISOString() },
        });
        change.audit({
          subject: webhookPath(name),
          after: { rotated: true, previousSecretUntil: previousUntil },
        });
        const body = present(await locked(change, name), now());
        if (context.dryRun === true) return { status: 200, body };
        return { status: 201, body: { ...body, secret: secretText(secret) }, secret: true };
      }),

    async deliveries(name, state, { limit, cursor }) {
      const { id } = await found(name);
      const position = decodeCursor('deliveries', cursor, isRevisionPosition);
      const before = position === undefined ? undefined : BigInt(position);
      const rows = await listDeliveries(prisma, id, { state, before, take: limit + 1 });
      const page = pageOf('deliveries', rows, limit, ({ revision }) => revision.toString());
      return { ...page, items: page.items.map(presentDelivery) };
    },

    replay: (name, id, context) =>
      changes.makeOnce(context, async (change) => {
        const webhook = await locked(change, name);
        const delivery = await replayDelivery(change.db, webhook.id, id, now());
        if (delivery === null)
          throw new ApiError(
            'delivery_not_found',
            `webhook ${name} has no delivery ${id}: deliveries are kept for 7 days after they were created`,
          );
        change.record({ type: 'webhook.replayed', subject: webhookPath(name), data: { delivery: id } });
        change.audit({ subject: webhookPath(name), after: { replayed: id } });
        return { status: 200, body: presentDelivery(delivery) };
      }),

    startSending() {
      const send = createSend(rules, now);
      const stopDispatcher = startDispatcher({ platform, send, random: Math.random });
      const stopSweep = startSweep('webhook deliveries', sweepMs, platform.log, () =>
        deleteInSteps((most) => deleteOldDeliveries(prisma, new Date(now().getTime() - keepMs), most)),
      );
      return async () => {
        await Promise.all([stopDispatcher(), stopSweep()]);
      };
    },
  };
}
