/** The address book of one lab host, run by the test itself against the host's real dockerd and a server in memory. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import type { DesiredDocument } from '@trunkline/contracts';
import type { AddressProbe } from '../../apps/agent/src/wire/address-probe.ts';
import {
  createFakeLeaseSource,
  type FakeLeaseSource,
} from '../../apps/agent/src/ipam/leases/lease-source.fake.ts';
import { openIpam, type Ipam } from '../../apps/agent/src/ipam/ipam.ts';
import { createCommandRunner } from '../../apps/agent/src/host/command.ts';
import { createDockerEngine } from '../../apps/agent/src/host/dockerode-engine.ts';
import { DockerError } from '../../apps/agent/src/host/docker-errors.ts';
import { createSandboxes } from '../../apps/agent/src/host/sandboxes.ts';
import { realTiming } from '../../apps/agent/src/host/spawn.ts';
import type { Observed } from '../../apps/agent/src/observation/observed.ts';
import { network } from '../../apps/agent/src/reconcile/subjects.fixture.ts';
import { watchDocker } from '../../apps/agent/src/observation/watch-docker.ts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';

/** A network of the test: 13 addresses for containers. */
export const smallNet = network({
  warm: 3,
  quarantineSeconds: 0,
  subnets: [{ cidr: '172.16.100.0/28', gateway: '172.16.100.1' }],
});

/** Makes the desired document of a host. */
export function desiredOf(change: Partial<DesiredDocument> = {}): DesiredDocument {
  return {
    hostId: '0192f0c1-6d7e-7a52-9c1b-000000000999',
    revision: '1',
    heartbeatSeconds: 10,
    networks: [smallNet],
    containers: [],
    recalls: [],
    checks: [],
    ...change,
  };
}

/** An address book that runs. */
export interface RunningIpam {
  readonly ipam: Ipam;
  /** Ends it as the agent does in order. */
  readonly stop: () => Promise<void>;
  /** As kill -9 ends it: connections break, and nothing is written any more. */
  readonly kill: () => Promise<void>;
}

export interface IpamOnHost {
  readonly source: FakeLeaseSource;
  readonly socket: string;
  desired: DesiredDocument;
  readonly logs: string[];
  readonly start: () => Promise<RunningIpam>;
}

const isClear = () => Promise.resolve({ answer: 'clear' } as const);
const clear: AddressProbe = { probe: isClear, ask: isClear, recheck: isClear, letGo: () => {} };

/** Docker's folder of network namespaces, whose mounts are the host's own: seen through what keeps the host alive. */
async function netnsOf(host: LabHost): Promise<string> {
  const { stdout } = await host.exec(['readlink', '/proc/self/ns/mnt']);
  for (const pid of readdirSync('/proc')) {
    try {
      const isInHost = /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/mnt`) === stdout.trim();
      const [program] = isInHost ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') : [];
      if (program === 'sleep') return `/proc/${pid}/root/run/docker/netns`;
    } catch {
      // It ended meanwhile.
    }
  }
  throw new Error(`nothing keeps ${host.name} alive`);
}

/** Prepares one; nothing runs yet. */
export function ipamOn(host: LabHost, stateFolder: string, graceMs = 20_000): IpamOnHost {
  const socket = path.join(path.dirname(host.dockerSocket), 'docker/plugins/trunkline.sock');
  const source = createFakeLeaseSource(
    smallNet.subnets.map(({ cidr }) => ({ networkId: smallNet.id, subnet: cidr })),
  );
  const logs: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logs.push(line) });
  const engine = createDockerEngine({ socketPath: host.dockerSocket });
  const timing = { ...realTiming, now: Date.now };
  async function look(): Promise<Pick<Observed, 'at' | 'docker'>> {
    const at = Date.now();
    try {
      const [networks, containers] = await Promise.all([engine.networks(), engine.containers()]);
      const rest = {
        details: new Map(),
        failedStarts: [],
        interfaces: new Map(),
        routes: new Map(),
        images: new Set<string>(),
        outage: null,
      };
      const version = await engine.version();
      return { at, docker: { reachable: true, version, networks, containers, ...rest } };
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      return { at, docker: { reachable: false, message: error.message } };
    }
  }
  const own: IpamOnHost = {
    source,
    socket,
    desired: desiredOf(),
    logs,
    start: async () => {
      const ended = new AbortController();
      const ipam = await openIpam({
        stateFolder,
        socket: { path: socket, descriptor: null },
        graceMs,
        probe: clear,
        sandboxes: createSandboxes(await netnsOf(host), createCommandRunner()),
        docker: engine,
        timing,
        log,
      });
      const lookNow = async (): Promise<Awaited<ReturnType<typeof look>>> => {
        const observed = await look();
        ipam.onObservation(observed);
        return observed;
      };
      const onChange = (): void => {
        lookNow().catch(() => {});
      };
      const parts = [
        ipam.serve(ended.signal),
        ipam.run(
          {
            source,
            desired: () => own.desired,
            linkOf: () => 'ens33',
            look: lookNow,
            whyHarmful: () => Promise.resolve(null),
            notStarted: () => [],
            onNews: () => {},
          },
          ended.signal,
        ),
        watchDocker({ docker: engine, timing, log, onChange, onLost: () => {} }, ended.signal),
      ];
      const end = async (): Promise<void> => {
        ended.abort();
        await Promise.all(parts);
        await ipam.close();
      };
      return { ipam, stop: end, kill: end };
    },
  };
  return own;
}
