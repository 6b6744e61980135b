import { randomBytes } from 'node:crypto';
import { createAgentClient, type AgentClient, type ServerLocation } from '@trunkline/client';
import { instanceOf, type DesiredNetwork } from '@trunkline/contracts';
import type { AgentDeps } from './agent-deps.ts';
import { createCheckRunner, type CheckRunnerDeps } from './checks/check-runner.ts';
import { createMatrixCheck } from './checks/matrix.ts';
import { checkConnectivity } from './checks/connectivity.ts';
import { checkPreflight } from './checks/preflight.ts';
import { readContainerFile } from './checks/resolver-files.ts';
import { checkWire, type WireCheckDeps } from './checks/wire-check.ts';
import { diagnose, type DiagnosisDeps } from './diagnosis/diagnose.ts';
import { examiners } from './diagnosis/examiners.ts';
import { lookWithin } from './diagnosis/look-within.ts';
import { createConfirmation, type Confirmation } from './confirm/confirmation.ts';
import { openTrialStore } from './confirm/trial-store.ts';
import { changeContainerHostRoutes } from './host/container-host-routes.ts';
import { setDefaultRoute } from './host/container-routes.ts';
import { createShimRoutes } from './host/shim-routes.ts';
import { watchLinks } from './host/watch-links.ts';
import { factsOfLook } from './host-facts.ts';
import { createResponder, type Responder } from './dns/responder.ts';
import { createZoneSource } from './dns/zone-source.ts';
import type { IpamHost } from './ipam/host-view.ts';
import type { Ipam } from './ipam/ipam.ts';
import { heedingNotJoined, heedingServer } from './lib/failure.ts';
import { createLooks } from './looks.ts';
import type { JoinedIdentity } from './machine/identity.ts';
import type { Binding } from './machine/machine-binding.ts';
import { keepInstance } from './machine/instance.ts';
import { hashedMarks } from './machine/machine-marks.ts';
import type { StatePast } from './machine/state-past.ts';
import { openAdoptionStore } from './observation/adoption.ts';
import { openDetachedStore } from './observation/detached.ts';
import { openStackStore } from './observation/stack-memory.ts';
import { createHostsFiles } from './names/hosts-files.ts';
import { openNamesStore } from './names/names-store.ts';
import { createNames, type Names } from './names/names.ts';
import type { Observer } from './observation/observer.ts';
import { watchDocker } from './observation/watch-docker.ts';
import { parentRefusal } from './observation/permissions.ts';
import { linkOf } from './plan/link-users.ts';
import { whyHarmfulNow } from './plan/passthru-harm.ts';
import { createFrameWatch } from './observation/frame-watch.ts';
import { createReconciler } from './reconcile/reconciler.ts';
import { openStation } from './wire/station.ts';
import { openDesiredCache } from './sync/desired-cache.ts';
import { pollDesired } from './sync/desired-poll.ts';
import { createReportLoop } from './sync/report-loop.ts';

/** What is known once this host has joined. */
export interface Joined {
  readonly server: ServerLocation;
  readonly identity: JoinedIdentity;
  readonly machine: Binding;
  /** Already serves Docker. */
  readonly ipam: Ipam;
  readonly past: StatePast;
}

/** How often to report before a document sets it, in seconds. */
const firstHeartbeatSeconds = 10;
/** How long news of the address book may wait for another report that takes it along, in milliseconds. */
const bookNewsMs = 200;

/** Runs a joined agent until `signal` aborts: wires its parts, and ends all of them when one fails. */
export async function runJoined(agent: AgentDeps, joined: Joined, signal: AbortSignal): Promise<void> {
  const { config, links, docker, kernel, run, timing, log } = agent;
  const { identity, ipam } = joined;
  const { hostId } = identity;
  const { cache, adoption, detached, stacks, confirmation } = await openState(agent, hostId, () =>
    reconciler.desiredChanged(),
  );
  const { effective, linksToRestore } = confirmation;
  const { marks, accepted } = joined.machine;
  const instance = instanceOf(randomBytes(16).toString('base64url'), hashedMarks(marks), accepted);
  await keepInstance(config.stateDir, instance).catch((error: unknown) =>
    log.warn({ err: error }, 'trunkline-agent status cannot ask the server for this agent'),
  );
  const client = confirmation.observing(connect(joined, instance));
  const heartbeatMs = (): number => (cache.current()?.heartbeatSeconds ?? firstHeartbeatSeconds) * 1000;
  const names = createNames({
    host: config.hostName,
    docker,
    store: await openNamesStore(config.stateDir, log),
    files: createHostsFiles(timing),
    desired: () => (isHeard ? effective() : null),
    onNews: () => reports.changed(),
    timing,
    log,
  });
  const responder = responderOf(agent, names, () => reports.changed());
  const looks = createLooks(agent, {
    ipam,
    names,
    adoption,
    detached,
    linksToRestore,
    stacks,
    desired: effective,
    onNeighboursLost: () => reconciler.hostChanged(),
    onFirstWithoutDocker: () => reconciler.hostChanged(),
  });
  const { observer } = looks;
  // A restored state folder may have been overtaken: nothing of it is carried out before the server answers.
  let isHeard = joined.past !== 'restored';
  const reconciler = createReconciler({
    desired: () => (isHeard ? effective() : null),
    observer,
    around: confirmation,
    addressBook: ipam,
    names,
    nameServer: responder,
    apply: {
      links,
      kernel,
      docker,
      adoption,
      detached,
      linksToRestore,
      stacks,
      changeShimRoutes: createShimRoutes(run).change,
      changeHostRoutes: (pid, change) => changeContainerHostRoutes(run, pid, change),
      setDefaultRoute: (pid, family, gateway) => setDefaultRoute(run, pid, family, gateway),
      ...(agent.onStep === undefined ? {} : { onStep: agent.onStep }),
    },
    facts: (observed) => factsOfLook(agent, observed),
    onNews: () => reports.changed(),
    timing,
    log,
  });
  // Rates need a clock that nobody sets.
  const frames = createFrameWatch({ docker, readFile: agent.readFile, now: () => performance.now() });
  const reports = createReportLoop({
    client,
    build: async (fresh) => {
      const report = await reconciler.report(fresh);
      if (report === null) return null;
      return confirmation.annotate(await frames.annotate(report, observer.latestWithDocker(), fresh));
    },
    heartbeatMs,
    timing,
    log,
  });
  const checks = createCheckRunner({ check: checksOf(agent, confirmation, observer), client, timing, log });

  // The first part that fails ends all others.
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const onDesired = (): void => {
    reconciler.desiredChanged();
    ipam.desiredChanged();
    names.desiredChanged();
    checks.wanted(cache.current()?.checks ?? [], until);
  };
  onDesired();
  const onAnswer = (): void => {
    reports.serverAnswers();
    if (isHeard) return;
    isHeard = true;
    onDesired();
  };
  const generation = ipam.highestGeneration;
  const ipamHost: IpamHost = {
    ...networksOf(agent, confirmation, observer),
    source: client,
    notStarted: reconciler.notStarted,
    // What is made of it on the host is reported at once, and this with it.
    onNews: () => reports.changed(bookNewsMs),
  };
  const onChange = reconciler.hostChanged;
  const parts = [
    pollDesired(
      { client, cache, generation, heartbeatMs, timing, log, onAnswer, onChange: onDesired },
      until,
    ),
    ipam.run(ipamHost, until),
    reports.run(until),
    reconciler.run(until),
    confirmation.run(until),
    names.run(client, heartbeatMs, until),
    ...(responder === null ? [] : [responder.run(until)]),
    watchDocker({ docker, timing, log, onChange, onLost: looks.dockerLost }, until),
    watchLinks(agent.spawn, onChange, until, timing),
  ];
  log.info({ hostId, server: config.server }, 'agent runs');
  try {
    await Promise.all(parts);
  } finally {
    stop.abort();
    looks.close();
    await Promise.allSettled(parts);
    await client.close();
  }
}

/** What this host keeps on its disk between runs, apart from its addresses. `onRollback`: see `ConfirmationDeps`. */
async function openState({ config, timing, log }: AgentDeps, hostId: string, onRollback: () => void) {
  const stateFolder = config.stateDir;
  const cache = await openDesiredCache({ stateFolder, hostId, log });
  const confirmation = createConfirmation({
    store: await openTrialStore(stateFolder, log),
    document: cache.current,
    windowMs: config.confirmSeconds * 1000,
    onRollback,
    timing,
    log,
  });
  const adoption = await openAdoptionStore(stateFolder, log);
  const detached = await openDetachedStore(stateFolder, log);
  const stacks = await openStackStore(stateFolder, { now: timing.now, log });
  return { cache, adoption, detached, stacks, confirmation };
}

/**
 * A client that signs as this host on this machine. It notifies the address book when the server knows no such host, and whether it
 * answers.
 */
function connect({ server, identity, ipam }: Joined, instance: string): AgentClient {
  const { hostId, privateKey } = identity;
  const client = createAgentClient({ ...server, identity: { hostId, privateKey }, instance });
  return heedingServer(heedingNotJoined(client, ipam.disowned), {
    onAnswer: ipam.serverAnswers,
    onSilence: ipam.serverFails,
  });
}

/** Null where nobody asked for one. */
function responderOf({ config, timing, log }: AgentDeps, names: Names, onNews: () => void): Responder | null {
  if (config.dns === null) return null;
  const zone = createZoneSource(names.known, config.dns.zone, timing.now);
  return createResponder({ listen: config.dns.listen, zone, onNews, timing, log });
}

/** How each kind of check is run. */
function checksOf(
  agent: AgentDeps,
  { effective }: Confirmation,
  observer: Observer,
): CheckRunnerDeps['check'] {
  const { docker, run, open, links, probe, timing } = agent;
  const placeOf: WireCheckDeps['placeOf'] = (networkId) => {
    const network = effective()?.networks.find(({ id, state }) => id === networkId && state === 'present');
    const link = network === undefined ? null : permittedLink(agent, network, observer);
    return network === undefined || link === null ? null : { link, isPassthru: network.mode === 'passthru' };
  };
  const openWire: WireCheckDeps['open'] = (spec, until) => openStation({ run, open }, spec, until);
  const tryWire: DiagnosisDeps['tryWire'] = (check, until) =>
    checkWire(check, { placeOf, links, probe, open: openWire, timing }, until);
  const look = () => observer.look();
  const inside = { docker, run, readContainerFile, nodePath: process.execPath };
  const matrix = createMatrixCheck({ ...inside, timing });
  return (check, until) => {
    switch (check.kind) {
      case 'preflight':
        return checkPreflight(check, { desired: effective, look });
      case 'diagnose': {
        const { readFile, readFolder, kernel } = agent;
        const lookAtAll = () => lookWithin({ observer, links, kernel, timing });
        const scene = { docker, desired: effective, look: lookAtAll, probe, run, readFile, readFolder };
        return diagnose(check, { ...scene, examiners, tryWire, now: timing.now }, until);
      }
      case 'connectivity':
        return checkConnectivity(check, inside, until);
      case 'matrix':
        return matrix(check, until);
      case 'wire':
        return tryWire(check, until);
    }
  };
}

/** The link that a network hangs on; null while that is not known, and where this host allows no network on its parent. */
function permittedLink(
  { config }: Pick<AgentDeps, 'config'>,
  network: DesiredNetwork,
  observer: Observer,
): string | null {
  const defaultRoute = observer.latest()?.defaultRoute ?? null;
  const parent = network.parent ?? defaultRoute;
  if (parent === null || parentRefusal(parent, config.permitted) !== null) return null;
  return linkOf(network, defaultRoute);
}

/** What the address book asks of the networks of this host. */
function networksOf(
  agent: AgentDeps,
  { effective }: Confirmation,
  observer: Observer,
): Pick<IpamHost, 'desired' | 'linkOf' | 'look' | 'whyHarmful'> {
  const find = (networkId: string) => effective()?.networks.find(({ id }) => id === networkId);
  return {
    desired: effective,
    linkOf: (networkId) => {
      const network = find(networkId);
      return network === undefined ? null : permittedLink(agent, network, observer);
    },
    look: () => observer.look(),
    whyHarmful: async (networkId) => {
      const network = find(networkId);
      return network?.mode === 'passthru' ? await whyHarmfulNow(network, agent) : null;
    },
  };
}
