import { whileMeasured } from './family-cost.ts';
import { joinLoads, perSecond, runLoad, type Clients, type Load } from './load.ts';

/** Requests of one client in the stretches of the bare limit beside one of ours: some 0.1 s of them. */
const emptyEach = 80;

/** Who is asked, by clients that stay connected. */
export interface Side {
  clients: Clients;
  /** Processes whose families are measured. */
  pids: readonly number[];
  /** Of the nth request of a client. */
  path: (n: number) => string;
  headers: Record<string, string>;
}

/** Stretches as one, and the processor time of each family of processes over them, in milliseconds. */
export interface Measured {
  load: Load;
  cpuMs: number[];
}

/** Every client asks `each` times without a break, with owners that no other stretch names. */
export async function stretch(side: Side, each: number, name: string): Promise<Measured> {
  const { clients, pids, path, headers } = side;
  const { result: load, cpuMs } = await whileMeasured(pids, () =>
    runLoad({
      clients,
      headers,
      request: (id, n) =>
        n < each ? { path: path(n), body: JSON.stringify({ owner: `${name}c${id}-${n}` }) } : undefined,
    }),
  );
  return { load, cpuMs };
}

const joined = (stretches: readonly Measured[]): Measured => ({
  load: joinLoads(stretches.map(({ load }) => load)),
  cpuMs: (stretches[0]?.cpuMs ?? []).map((_, n) =>
    stretches.reduce((sum, { cpuMs }) => sum + (cpuMs[n] ?? 0), 0),
  ),
});

/** The product and the bare limit, and the share of its rate that the product had in each pair of stretches, sorted. */
export interface Compared {
  ours: Measured;
  empty: Measured;
  ratios: Float64Array;
}

/**
 * Stretch by stretch, each right after some of the bare limit: a machine that others use too is twice as fast in one
 * second as in the next, so only what ran within the same moment is compared. `between` follows each, untimed.
 */
export async function compare(
  { ours, empty }: { ours: Side; empty: Side },
  { each, stretches }: { each: number; stretches: number },
  between: () => Promise<void>,
): Promise<Compared> {
  const pairs: { ours: Measured; empty: Measured }[] = [];
  for (let round = 0; round <= stretches; round += 1) {
    const name = `r${round}`;
    // In stretches as short as ours: all ask at once at the beginning of each, and the last ones wait alone at its end.
    const limits: Measured[] = [];
    for (let asked = 0; asked < emptyEach; asked += each) limits.push(await stretch(empty, each, name));
    pairs.push({ empty: joined(limits), ours: await stretch(ours, each, name) });
    await between();
  }
  // The first of a pool also makes what later ones find made.
  const counted = pairs.slice(1);
  return {
    ours: joined(counted.map((pair) => pair.ours)),
    empty: joined(counted.map((pair) => pair.empty)),
    ratios: Float64Array.from(
      counted.map((pair) => perSecond(pair.ours.load) / perSecond(pair.empty.load)),
    ).sort(),
  };
}
