import { randomBytes } from 'node:crypto';
import { createAgentClient, type ServerLocation } from '@trunkline/client';
import { instanceOf, type DesiredCheck } from '@trunkline/contracts';
import type { Logger } from 'pino';
import type { AgentConfig } from './config.ts';
import { factsOf, factsOfLook } from './host-facts.ts';
import { createCheckRunner } from './checks/check-runner.ts';
import { checkConnectivity } from './checks/connectivity.ts';
import { checkPreflight } from './checks/preflight.ts';
import { readContainerFile } from './checks/resolver-files.ts';
import { createConfirmation } from './confirm/confirmation.ts';
import { openTrialStore } from './confirm/trial-store.ts';
import type { RunCommand } from './host/command.ts';
import type { DockerEngine } from './host/docker-engine.ts';
import { containerRoutes, removeDefaultRoute, setDefaultRoute } from './host/container-routes.ts';
import { countInterfaces } from './host/container-interfaces.ts';
import type { Kernel } from './host/kernel.ts';
import type { Links } from './host/links.ts';
import { watchLinks, type SpawnCommand } from './host/watch-links.ts';
import type { Sandboxes } from './host/sandboxes.ts';
import type { AddressProbe } from './wire/address-probe.ts';
import { createNoGatewayRoutes } from './ipam/bindings/no-gateway-routes.ts';
import { openIpam, type Ipam } from './ipam/ipam.ts';
import type { Binding } from './machine/machine-binding.ts';
import { hashedMarks } from './machine/machine-marks.ts';
import { ownMachine, type OwnMachineDeps } from './machine/own-machine.ts';
import { openPast } from './machine/past.ts';
import type { StatePast } from './machine/state-past.ts';
import { openAdoptionStore } from './observation/adoption.ts';
import { openDetachedStore } from './observation/detached.ts';
import type { ApplyDeps } from './reconcile/apply.ts';
import { linkOf } from './plan/link-users.ts';
import { createObserver } from './observation/observer.ts';
import { observe } from './observation/observe.ts';
import { createFailedStarts } from './observation/failed-starts.ts';
import { whyHarmfulNow } from './plan/passthru-harm.ts';
import { createReconciler } from './reconcile/reconciler.ts';
import { watchDocker } from './observation/watch-docker.ts';
import { makePrivateFolder } from './lib/atomic-file.ts';
import { openDesiredCache } from './sync/desired-cache.ts';
import { pollDesired } from './sync/desired-poll.ts';
import { heedingNotJoined } from './lib/failure.ts';
import { loadIdentity } from './machine/identity.ts';
import { ensureJoined } from './sync/join.ts';
import { createReportLoop } from './sync/report-loop.ts';
import { lockStateFolder } from './sync/state-lock.ts';
import type { Timing } from './lib/timing.ts';
import { createAnnouncer } from './wire/announcer.ts';
import { createToolCheck } from './wire/tools.ts';

/** What an agent is made of. */
export interface AgentDeps {
  readonly config: AgentConfig;
  readonly version: string;
  readonly links: Links;
  readonly docker: DockerEngine;
  readonly kernel: Kernel;
  readonly run: RunCommand;
  /** Reads a text file as it is now. */
  readonly readFile: (path: string) => Promise<string>;
  readonly spawn: SpawnCommand;
  /** Asks the wire whether somebody has an address. */
  readonly probe: AddressProbe;
  /** The kernel inside the containers of this host. */
  readonly sandboxes: Sandboxes;
  /** Descriptor of the driver's socket, where systemd holds it. */
  readonly pluginSocketDescriptor: number | null;
  readonly timing: Timing;
  readonly log: Logger;
  /** See `ApplyDeps.onStep`; for tests. */
  readonly onStep?: ApplyDeps['onStep'];
}

/** How often to report before the server has said it. */
const firstHeartbeatSeconds = 10;
/** How long the first look waits for Docker, in milliseconds. */
const firstLookMs = 5_000;
/** How long news of the address book may wait for another report that takes it along, in milliseconds. */
const bookNewsMs = 200;

/**
 * Runs an agent until `signal` aborts: joins where it has not, then keeps the host as the server wants it. What the
 * last document says is carried out also while the server cannot be reached, and nothing of it is undone at the end.
 *
 * Fails when it cannot go on: `StateFolderBusy`, `CopiedState`, `UnreadableIdentity`, `JoinRefused`, `AgentSuperseded`.
 */
export async function runAgent(deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { config } = deps;
  await makePrivateFolder(config.stateDir);
  const unlock = await lockStateFolder(config.stateDir);
  try {
    await runServing(deps, await ownMachine(machineOf(deps), signal), signal);
  } finally {
    await unlock();
  }
}

const machineOf = ({ config, links, readFile, timing, log }: AgentDeps): OwnMachineDeps => ({
  stateFolder: config.stateDir,
  mayJoin: config.joinToken !== null,
  links,
  readFile,
  timing,
  log,
});

/** Docker may be waiting: it is answered before anything else is begun, and until everything else has ended. */
async function runServing(deps: AgentDeps, machine: Binding, signal: AbortSignal): Promise<void> {
  const { config, timing, log, probe, sandboxes, pluginSocketDescriptor } = deps;
  const state = await openPast({ stateFolder: config.stateDir, readFile: deps.readFile, log });
  const ipam = await openIpam({
    stateFolder: config.stateDir,
    past: state.past,
    onConfirmed: () => void state.mark(),
    onDisowned: () => void state.disown(),
    socket: { path: config.pluginSocket, descriptor: pluginSocketDescriptor },
    graceMs: config.leakSeconds * 1000,
    probe,
    sandboxes,
    timing,
    log,
  });
  const ended = new AbortController();
  const serving = ipam.serve(ended.signal);
  try {
    await runLocked(deps, { machine, ipam, past: state.past, onJoined: state.joined }, signal);
  } finally {
    ended.abort();
    await serving;
    await ipam.close();
    await state.settled();
  }
}

async function runLocked(
  deps: AgentDeps,
  {
    machine,
    ipam,
    past,
    onJoined,
  }: {
    readonly machine: Binding;
    readonly ipam: Ipam;
    readonly past: StatePast;
    /** The identity of this host is known, and on disk. */
    readonly onJoined: () => Promise<void>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { config, links, docker, kernel, timing, log } = deps;
  const server: ServerLocation = { baseUrl: config.server, ...(config.ca === null ? {} : { ca: config.ca }) };
  const identity = await ensureJoined(
    {
      stateFolder: config.stateDir,
      server,
      token: config.joinToken,
      hostName: config.hostName,
      facts: () => factsOf(deps, { links, docker, kernel }),
      timing,
      log,
    },
    await loadIdentity(config.stateDir),
    signal,
  );
  await onJoined();
  const cache = await openDesiredCache({ stateFolder: config.stateDir, hostId: identity.hostId, log });
  const adoption = await openAdoptionStore(config.stateDir, log);
  const detached = await openDetachedStore(config.stateDir, log);
  const confirmation = createConfirmation({
    store: await openTrialStore(config.stateDir, log),
    document: cache.current,
    windowMs: config.confirmSeconds * 1000,
    onRollback: () => reconciler.desiredChanged(),
    timing,
    log,
  });
  const client = confirmation.observing(
    heedingNotJoined(
      createAgentClient({
        ...server,
        identity: { hostId: identity.hostId, privateKey: identity.privateKey },
        instance: instanceOf(
          randomBytes(16).toString('base64url'),
          hashedMarks(machine.marks),
          machine.accepted,
        ),
      }),
      ipam.disowned,
    ),
  );

  const heartbeatMs = (): number => (cache.current()?.heartbeatSeconds ?? firstHeartbeatSeconds) * 1000;
  const wireTools = createToolCheck(deps.run, timing.now);
  const announcer = createAnnouncer({ docker, run: deps.run, timing, log });
  const noGatewayRoutes = createNoGatewayRoutes({
    docker,
    routesOf: (pid) => containerRoutes(pid, deps.readFile),
    addRoute: (pid, family, gateway) => setDefaultRoute(deps.run, pid, family, gateway),
    removeRoute: (pid, route) => removeDefaultRoute(deps.run, pid, route),
    log,
  });
  const failedStarts = createFailedStarts();
  const observer = createObserver(async (below) => {
    const observed = await observe(
      {
        links,
        docker,
        kernel,
        interfacesOf: (pid) => countInterfaces(pid, deps.readFile),
        routesOf: (pid) => containerRoutes(pid, deps.readFile),
        adopted: adoption.all,
        detached: detached.all,
        linksToRestore: confirmation.linksToRestore.all,
        wire: async () => ({ missing: await wireTools(), unannounced: announcer.failures() }),
        book: () => ({ notServing: ipam.notServing(), standIns: ipam.standIns() }),
        failedStarts,
        // The first report does not wait for a slow Docker: a host that starts is heard of, and looked at again at once.
        ...(observer.latest() === null ? { dockerMs: firstLookMs } : {}),
        now: timing.now,
      },
      confirmation.effective(),
      below,
    );
    if (observer.latest() === null && !observed.docker.reachable) reconciler.hostChanged();
    ipam.onObservation(observed);
    announcer.onObservation(observed);
    noGatewayRoutes.onObservation(observed);
    return observed;
  }, timing.now);
  // What a folder that was put back says may have been overtaken: nothing of it is carried out before the server is heard.
  let isHeard = past !== 'restored';
  const reconciler = createReconciler({
    desired: () => (isHeard ? confirmation.effective() : null),
    observer,
    around: confirmation,
    addressBook: ipam,
    apply: {
      links,
      kernel,
      docker,
      adoption,
      detached,
      linksToRestore: confirmation.linksToRestore,
      setDefaultRoute: (pid, family, gateway) => setDefaultRoute(deps.run, pid, family, gateway),
      ...(deps.onStep === undefined ? {} : { onStep: deps.onStep }),
    },
    facts: (observed) => factsOfLook(deps, observed),
    onNews: () => reports.changed(),
    timing,
    log,
  });
  const reports = createReportLoop({
    client,
    build: async (fresh) => {
      const report = await reconciler.report(fresh);
      return report === null ? null : confirmation.annotate(report);
    },
    heartbeatMs,
    timing,
    log,
  });
  const checks = createCheckRunner({
    check: (check: DesiredCheck, until) =>
      check.kind === 'preflight'
        ? checkPreflight(check, { desired: confirmation.effective, look: () => observer.look() })
        : checkConnectivity(
            check,
            { docker, run: deps.run, readContainerFile, nodePath: process.execPath },
            until,
          ),
    client,
    timing,
    log,
  });

  // The first part that fails ends all others.
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const onDesired = (): void => {
    reconciler.desiredChanged();
    ipam.desiredChanged();
    checks.wanted(cache.current()?.checks ?? [], until);
  };
  onDesired();
  const onAnswer = (): void => {
    reports.serverAnswers();
    ipam.serverAnswers();
    if (isHeard) return;
    isHeard = true;
    onDesired();
  };
  const parts = [
    pollDesired(
      {
        client,
        cache,
        generation: ipam.highestGeneration,
        heartbeatMs,
        timing,
        log,
        onAnswer,
        onChange: onDesired,
      },
      until,
    ),
    ipam.run(
      {
        source: client,
        desired: confirmation.effective,
        linkOf: (networkId) => {
          const network = confirmation.effective()?.networks.find(({ id }) => id === networkId);
          return network === undefined ? null : linkOf(network, observer.latest()?.defaultRoute ?? null);
        },
        look: () => observer.look(),
        whyHarmful: async (networkId) => {
          const network = confirmation.effective()?.networks.find(({ id }) => id === networkId);
          return network?.mode === 'passthru' ? await whyHarmfulNow(network, { links, kernel }) : null;
        },
        notStarted: reconciler.notStarted,
        // What is made of it on the host is reported at once, and this with it.
        onNews: () => reports.changed(bookNewsMs),
      },
      until,
    ),
    reports.run(until),
    reconciler.run(until),
    confirmation.run(until),
    watchDocker(
      {
        docker,
        timing,
        log,
        onChange: reconciler.hostChanged,
        onLost: () => {
          observer.dockerLost();
          failedStarts.forget();
        },
      },
      until,
    ),
    watchLinks(deps.spawn, reconciler.hostChanged, until, timing),
  ];
  log.info({ hostId: identity.hostId, server: config.server }, 'agent runs');
  try {
    await Promise.all(parts);
  } finally {
    stop.abort();
    announcer.close();
    noGatewayRoutes.close();
    await Promise.allSettled(parts);
    await client.close();
  }
}
