import type { WireTask, WireTaskResult } from '@trunkline/contracts';

/** What the probe of a host finds that hears all others and is answered by all. */
export const wellProbe = ({ targets, listenFor, reference }: WireTask): WireTaskResult => ({
  mtu: 1500,
  taken: [],
  heard: listenFor,
  pings: targets.map((address) => ({
    address,
    sent: 5,
    received: 5,
    lossPercent: 0,
    rttMs: { min: 0.1, avg: 0.1, max: 0.1 },
    mac: '02:00:00:00:00:01',
    error: null,
    packetBytes: 1500,
  })),
  referenceHeard: reference === null ? null : reference.listenFor,
});

/** What the probe of a host finds that hears nobody and is answered by nobody. */
export function deafProbe(task: WireTask): WireTaskResult {
  const well = wellProbe(task);
  return {
    ...well,
    heard: [],
    pings: well.pings.map((ping) => ({
      ...ping,
      received: 0,
      lossPercent: 100,
      rttMs: null,
      packetBytes: null,
    })),
  };
}
