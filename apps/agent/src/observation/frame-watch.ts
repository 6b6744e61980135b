import type { Frames, PlacementReport, Report } from '@trunkline/contracts';
import type { DockerContainer, DockerEngine } from '../host/docker-engine.ts';
import { DockerError } from '../host/docker-errors.ts';
import { multicastCounters } from '../host/multicast-counters.ts';
import { framesBetween, type FrameCounters } from './frame-rates.ts';
import type { Observed } from './observed.ts';

/** What frames are counted by. */
export interface FrameWatchDeps {
  readonly docker: Pick<DockerEngine, 'container'>;
  readonly readFile: (path: string) => Promise<string>;
  /** A clock that never goes back, in milliseconds. */
  readonly now: () => number;
}

/** Counts the broadcast and multicast frames that this host sees on its networks. */
export interface FrameWatch {
  /** The report with the frames of each network; counted again when `fresh`, else as before. Fails at nothing. */
  readonly annotate: (report: Report, observed: Observed | null, fresh: boolean) => Promise<Report>;
}

/** A running container whose only network is this one: its only interface is that of the network. */
const isOnlyOn = ({ status, endpoints }: DockerContainer, dockerNetworkId: string): boolean =>
  (status === 'running' || status === 'paused') &&
  endpoints.length === 1 &&
  endpoints[0]?.networkId === dockerNetworkId &&
  endpoints[0].endpointId !== null;

/** Each start makes another endpoint. */
const keyOf = ({ endpoints }: DockerContainer): string => endpoints[0]?.endpointId ?? '';

export function createFrameWatch({ docker, readFile, now }: FrameWatchDeps): FrameWatch {
  let counters: ReadonlyMap<string, FrameCounters> = new Map();
  let frames: ReadonlyMap<string, Frames> = new Map();
  /** Processes of containers, by the endpoint of their start: each is asked for once. */
  let pids: ReadonlyMap<string, number> = new Map();

  async function pidOf(container: DockerContainer): Promise<number | null> {
    const known = pids.get(keyOf(container));
    if (known !== undefined) return known;
    try {
      return (await docker.container(container.id)).pid;
    } catch (error) {
      if (error instanceof DockerError) return null;
      throw error;
    }
  }

  const countersIn = async (path: string): Promise<ReadonlyMap<string, number>> =>
    multicastCounters(await readFile(path).catch(() => ''));

  /** What one container of the network counts; the one of before as long as it runs, so that there is a rate. */
  async function lookInto(
    { networkId, dockerNetworkId }: PlacementReport,
    containers: readonly DockerContainer[],
    heard: Map<string, number>,
  ): Promise<FrameCounters['container']> {
    if (dockerNetworkId === null) return null;
    const eligible = containers.filter((one) => isOnlyOn(one, dockerNetworkId));
    const before = counters.get(networkId)?.container?.key;
    const container = eligible.find((one) => keyOf(one) === before) ?? eligible[0];
    const pid = container === undefined ? null : await pidOf(container);
    if (container === undefined || pid === null) return null;
    const [count, ...others] = [...(await countersIn(`/proc/${pid}/net/dev`)).values()];
    if (count === undefined || others.length > 0) return null;
    heard.set(keyOf(container), pid);
    return { key: keyOf(container), name: container.name, flooded: count };
  }

  async function countAgain(
    placements: readonly PlacementReport[],
    observed: Observed | null,
  ): Promise<void> {
    const containers = observed?.docker.reachable === true ? observed.docker.containers : [];
    const ofHost = await countersIn('/proc/net/dev');
    const heard = new Map<string, number>();
    const readings = await Promise.all(
      placements.map(async (placement): Promise<[string, FrameCounters][]> => {
        const { networkId, link } = placement;
        if (link === null) return [];
        const container = await lookInto(placement, containers, heard);
        return [[networkId, { at: now(), link, multicast: ofHost.get(link) ?? null, container }]];
      }),
    );
    const next = new Map(readings.flat());
    frames = new Map(
      [...next].map(([id, reading]) => [id, framesBetween(counters.get(id) ?? null, reading)]),
    );
    counters = next;
    pids = heard;
  }

  return {
    async annotate(report, observed, fresh) {
      if (fresh) await countAgain(report.placements, observed);
      return {
        ...report,
        placements: report.placements.map((placement) => ({
          ...placement,
          frames: frames.get(placement.networkId) ?? null,
        })),
      };
    },
  };
}
