/** The closing lines of `ping -q`. */
export interface PingSummary {
  readonly sent: number;
  readonly received: number;
  /** In percent. */
  readonly lossPercent: number;
  /** Round-trip times in milliseconds; null when nothing came back. */
  readonly rttMs: { readonly min: number; readonly avg: number; readonly max: number } | null;
}

/**
 * Reads the closing lines of ping: iputils (`5 packets transmitted, 5 received, …`, `rtt min/avg/max/mdev = …`) and
 * busybox (`5 packets received`, `round-trip min/avg/max = …`). Null when there are none: it did not get so far.
 */
export function parsePingSummary(output: string): PingSummary | null {
  const counts = /^(\d+) packets transmitted, (\d+) (?:packets )?received/m.exec(output);
  if (counts === null) return null;
  const sent = Number(counts[1]);
  const received = Number(counts[2]);
  const times = /^(?:rtt|round-trip) min\/avg\/max(?:\/mdev)? = ([\d.]+)\/([\d.]+)\/([\d.]+)/m.exec(output);
  return {
    sent,
    received,
    // Duplicates can make more come back than were sent.
    lossPercent: sent === 0 ? 100 : Math.max(0, Math.round((1 - received / sent) * 1000) / 10),
    rttMs:
      times === null || received === 0
        ? null
        : { min: Number(times[1]), avg: Number(times[2]), max: Number(times[3]) },
  };
}
