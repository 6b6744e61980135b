import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { LogController, type FastifyServerOptions } from 'fastify';
import { addressRoutes } from './features/addresses/addresses.routes.ts';
import { createAddressesService } from './features/addresses/addresses.service.ts';
import { agentRoutes } from './features/agents/agents.routes.ts';
import { createAgentsService } from './features/agents/agents.service.ts';
import { auditRoutes } from './features/audit/audit.routes.ts';
import { createAuditService } from './features/audit/audit.service.ts';
import { noteDenials } from './features/audit/note-denials.ts';
import { checkRoutes } from './features/checks/checks.routes.ts';
import { createChecksService } from './features/checks/checks.service.ts';
import { containerRoutes } from './features/containers/containers.routes.ts';
import { createContainersService } from './features/containers/containers.service.ts';
import { docsRoutes } from './features/docs/docs.routes.ts';
import { endpointRoutes } from './features/endpoints/endpoints.routes.ts';
import { createEndpointsService } from './features/endpoints/endpoints.service.ts';
import { eventRoutes } from './features/events/events.routes.ts';
import { createEventsService } from './features/events/events.service.ts';
import { healthRoutes } from './features/health/health.routes.ts';
import { hostRoutes } from './features/hosts/hosts.routes.ts';
import { createHostsService } from './features/hosts/hosts.service.ts';
import { joinTokenRoutes } from './features/join-tokens/join-tokens.routes.ts';
import { createJoinTokensService, type ReachedAt } from './features/join-tokens/join-tokens.service.ts';
import { leaseRoutes } from './features/leases/leases.routes.ts';
import { createLeasesService } from './features/leases/leases.service.ts';
import { onceGone } from './features/leases/recall-first.ts';
import type { LimitThresholds } from './features/limits/limit-conditions.ts';
import { limitRoutes } from './features/limits/limits.routes.ts';
import { createLimitsService } from './features/limits/limits.service.ts';
import { namesRoutes } from './features/names/names.routes.ts';
import { createNamesService } from './features/names/names.service.ts';
import { networkRoutes } from './features/networks/networks.routes.ts';
import { createNetworksService } from './features/networks/networks.service.ts';
import { placementRoutes } from './features/placements/placements.routes.ts';
import { createPlacementsService } from './features/placements/placements.service.ts';
import type { PastMark } from './features/recovery/past-mark.ts';
import { compareRoutes, readItems, recoveryRoutes } from './features/recovery/recovery.routes.ts';
import { createRecoveryService } from './features/recovery/recovery.service.ts';
import { searchRoutes } from './features/search/search.routes.ts';
import { createSearchService } from './features/search/search.service.ts';
import { tokenRoutes } from './features/tokens/tokens.routes.ts';
import { createTokensService, type TokensService } from './features/tokens/tokens.service.ts';
import { webhookRoutes } from './features/webhooks/webhooks.routes.ts';
import { createWebhooksService } from './features/webhooks/webhooks.service.ts';
import type { App } from './platform/app-types.ts';
import { auth } from './platform/auth.ts';
import { smallBody } from './platform/body-limits.ts';
import { httpConnections } from './platform/http-connections.ts';
import { bodyParsers } from './platform/body-parsers.ts';
import { clientErrors } from './platform/client-errors.ts';
import { createHandshakes, type Handshakes } from './platform/handshakes.ts';
import { requestMetrics } from './platform/metrics.ts';
import { startIdempotencySweep } from './platform/idempotency.ts';
import { onlyProxies } from './platform/only-proxies.ts';
import { openapi } from './platform/openapi.ts';
import type { Platform } from './platform/platform.ts';
import { problems, sendFrameworkError } from './platform/problems.ts';
import { requestIdOf, requestIds } from './platform/request-id.ts';
import { compression } from './platform/compression.ts';
import { conditionalGet } from './platform/conditional-get.ts';
import { limitSources } from './platform/source-limits.ts';
import { requestLog } from './platform/request-log.ts';
import { requestLimits } from './platform/request-limits.ts';
import { validation } from './platform/validation.ts';

export interface AppOptions {
  version: string;
  /** TLS key and certificate chain, PEM; undefined: plain HTTP. */
  tls?: { key: string; cert: string } | undefined;
  /** Plain HTTP is for trusted proxies and for this machine; everybody else is refused. */
  onlyProxies?: boolean | undefined;
  /** How hosts reach this server, for join tokens; left out: at the URL that a request is sent to, with a certificate that they know. */
  reachedAt?: ReachedAt | undefined;
  /** How many addresses of a network a host may hold that no container was seen on, beside its warm pool. */
  unusedLeases?: number | undefined;
  /** Addresses and CIDRs that webhooks may send to although they are not public; as TRUNKLINE_WEBHOOK_ALLOW. */
  webhookAllow?: readonly string[] | undefined;
  /** How long entries of the audit log are kept, in days. */
  auditDays?: number | undefined;
  /** From when on limits of networks are shown as conditions. */
  thresholds?: LimitThresholds | undefined;
  /** Proxies that are believed; see `ServerConfig`. */
  trustProxy?: readonly string[] | undefined;
  /** The mark in the data directory of a server with its own PostgreSQL. */
  pastMark?: PastMark | undefined;
}

/** Everything that must run beside the routes: what happens by time, not by request. */
export interface Features {
  app: App;
  /** Starts the sweeps; answers how to stop them. */
  startSweeps(): () => Promise<void>;
  /** Looks whether the database went back in time; before anything is served. */
  checkPast(): Promise<void>;
  /** Makes the first admin token when there is none. */
  ensureAdminToken: TokensService['ensureAdminToken'];
}

/** Enough for every container that one host starts before it has reported them. */
const defaultUnusedLeases = 128;
const defaultAuditDays = 90;
/** As `config.ts` has them. */
const defaultThresholds: LimitThresholds = { poolLowPercent: 10, poolLowDays: 7, manyStations: 200 };

const sentTo: ReachedAt = { publicUrl: undefined, authority: () => null };

/** Half a head is given up sooner than half a body; Node looks for such connections this often. */
const arrival = { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 };

function fastifyOptions(
  platform: Platform,
  options: AppOptions,
  handshakes: Handshakes,
): FastifyServerOptions {
  return {
    loggerInstance: platform.log,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestIdOf,
    frameworkErrors: sendFrameworkError,
    clientErrorHandler: clientErrors(platform.log, handshakes),
    bodyLimit: smallBody.bytes,
    trustProxy: [...(options.trustProxy ?? [])],
    // A client has this long to send its request; answers may take longer (`?wait`, event streams).
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: 'idle',
    // What comes over a kept connection meanwhile is refused as everything is refused (http-connections.ts).
    return503OnClosing: false,
    routerOptions: { maxParamLength: 256, caseSensitive: true },
    ...(options.tls === undefined ? { http: arrival } : { https: { ...arrival, ...options.tls } }),
  };
}

/** Wires every feature by name. Listens on nothing: `main.ts` does, and tests inject. */
export async function buildApp(platform: Platform, options: AppOptions): Promise<Features> {
  const handshakes = createHandshakes(platform.log);
  const app: App = fastify(
    fastifyOptions(platform, options, handshakes),
  ).withTypeProvider<TypeBoxTypeProvider>();
  if (options.tls !== undefined) handshakes.watch(app.server, platform.stopping);

  const tokens = createTokensService(platform);
  const events = createEventsService(platform);
  const audit = createAuditService(platform, { days: options.auditDays ?? defaultAuditDays });
  const joinTokens = createJoinTokensService(platform, options.reachedAt ?? sentTo);
  const webhooks = createWebhooksService(platform, { allowed: options.webhookAllow ?? [] });
  const addresses = createAddressesService(platform);
  const thresholds = options.thresholds ?? defaultThresholds;
  const limits = createLimitsService(platform, thresholds);
  const maxUnused = options.unusedLeases ?? defaultUnusedLeases;
  const hosts = createHostsService(platform, {
    maxUnused,
    // Which networks a host should have follows from its labels.
    selectionChanged: (change, host) => placements.placeHost(change, host),
    leaving: async (change, host) => {
      await containers.forgetHost(change, host);
      await leases.endHolds(change, host);
      await placements.forgetHost(change, host);
      await names.forgetHost(change, host);
    },
  });
  const leases = createLeasesService(platform, {
    addresses,
    maxUnused,
    // Containers are made on networks, which take leases back.
    containers: { moveFromConflicts: (...conflicts) => containers.moveFromConflicts(...conflicts) },
  });
  const endpoints = createEndpointsService(platform, { hosts });
  const names = createNamesService(platform);
  const placements = createPlacementsService(platform, {
    hosts,
    leases,
    // Networks are placed, and leave with the last of their placements.
    finishRemoval: (change, network) => networks.finishRemoval(change, network),
    thresholds,
  });
  const networks = createNetworksService(platform, {
    addresses,
    placements,
    hosts,
    // Checks are made for containers, and containers are on networks.
    checks: { preflight: (...question) => checks.preflight(...question) },
    thresholds,
  });
  const containers = createContainersService(platform, { addresses, hosts, networks, placements });
  const checks = createChecksService(platform, { containers, endpoints, hosts, addresses });
  const recovery = createRecoveryService(platform, options.pastMark);
  const agents = createAgentsService(platform, {
    recovery,
    hosts,
    joinTokens,
    networks,
    placements,
    containers,
    checks,
    leases,
    endpoints,
  });

  await app.register(requestIds);
  await app.register(problems);
  await app.register(conditionalGet);
  await app.register(compression);
  if (options.onlyProxies === true) await app.register(onlyProxies, { proxies: options.trustProxy ?? [] });
  await app.register(limitSources);
  await app.register(httpConnections, { stopping: platform.stopping });
  await app.register(bodyParsers);
  await app.register(validation);
  await app.register(auth, { findCaller: tokens.findCaller });
  await app.register(requestLog);
  await app.register(noteDenials, { denials: audit.denials });
  await app.register(requestLimits, { registry: platform.metrics.registry });
  await app.register(requestMetrics, { metrics: platform.metrics });
  await app.register(openapi, { version: options.version });
  await app.register(docsRoutes);
  await app.register(healthRoutes, { platform, recovery, version: options.version });
  await app.register(recoveryRoutes, { recovery });
  // Before anybody is refused for what hosts hold, they are asked for what they do not use.
  await app.register(networkRoutes, {
    platform,
    networks: {
      ...networks,
      update: (name, check, edit, asking) =>
        leases.recallFirst(asking.context, () => networks.update(name, check, edit, asking)),
      put: (name, body, preconditions, asking) =>
        leases.recallFirst(asking.context, () => networks.put(name, body, preconditions, asking)),
    },
  });
  await app.register(placementRoutes, { placements });
  await app.register(limitRoutes, { limits });
  await app.register(addressRoutes, {
    addresses: {
      ...addresses,
      reserve: (network, request, context) =>
        recovery.whenOpen(() =>
          leases.recallFirst(context, () => addresses.reserve(network, request, context)),
        ),
      reserveByOwner: (network, owner, request, context) =>
        recovery.whenOpen(() =>
          leases.recallFirst(context, () => addresses.reserveByOwner(network, owner, request, context)),
        ),
      releaseOfOwner: (network, owner, family, force, context) =>
        leases.recallFirst(
          context,
          onceGone('address_taken', 'address_not_found', () =>
            addresses.releaseOfOwner(network, owner, family, force, context),
          ),
        ),
      release: (network, ip, force, context) =>
        leases.recallFirst(
          context,
          onceGone('address_taken', 'address_not_found', () =>
            addresses.release(network, ip, force, context),
          ),
        ),
    },
  });
  await app.register(containerRoutes, {
    platform,
    containers: {
      ...containers,
      create: (input, context) =>
        recovery.whenOpen(() => leases.recallFirst(context, () => containers.create(input, context))),
      put: (name, body, put, context) =>
        recovery.whenOpen(() => leases.recallFirst(context, () => containers.put(name, body, put, context))),
    },
  });
  await app.register(endpointRoutes, { endpoints });
  await app.register(checkRoutes, { platform, checks });
  await app.register(hostRoutes, { hosts });
  await app.register(joinTokenRoutes, { joinTokens });
  await app.register(eventRoutes, { platform, events });
  await app.register(auditRoutes, { platform, audit });
  await app.register(webhookRoutes, { webhooks });
  await app.register(searchRoutes, { search: createSearchService(platform) });
  await app.register(tokenRoutes, { tokens });
  await app.register(agentRoutes, {
    agents,
    signedRoutes: async (signed, signedBy) => {
      await leaseRoutes(signed, {
        leases: {
          ...leases,
          sync: (host, sync, gone) => recovery.whenOpen(() => leases.sync(host, sync, gone)),
          claim: (host, claim, gone) => recovery.whenOpen(() => leases.claim(host, claim, gone)),
        },
        signedBy,
      });
      await namesRoutes(signed, { names, signedBy });
      await compareRoutes(signed, {
        compare: async (host, { items }) => {
          await recovery.compare(host.id, readItems(items));
          return { held: await leases.heldBy(host) };
        },
        signedBy,
      });
    },
  });

  return {
    app,
    checkPast: () => recovery.check(),
    ensureAdminToken: (chosen, keep) => tokens.ensureAdminToken(chosen, keep),
    startSweeps() {
      const sweeps = [
        addresses.startSweep(),
        limits.startSweep(),
        leases.startSweep(),
        checks.startSweep(),
        events.startSweep(),
        audit.startSweep(),
        webhooks.startSending(),
        agents.startSweep(),
        recovery.startSweep(),
        tokens.startSweep(),
        startIdempotencySweep(platform),
      ];
      return async () => {
        await Promise.all(sweeps.map((stop) => stop()));
      };
    },
  };
}
