import { zoneOf, type Zone, type ZoneNetwork } from './zone.ts';

/** A zone stays for so many times as long as it took to make: a large fleet in motion leaves time for everything else. */
const rest = 10;

/**
 * The zone as of now. It is made when it is asked for, and once for each value of `known`. Its serial is the time in seconds, and
 * rises also where that does not. `now` in milliseconds.
 */
export function createZoneSource(
  known: () => readonly ZoneNetwork[] | null,
  name: string,
  now: () => number,
): () => Zone {
  let made: {
    readonly from: readonly ZoneNetwork[] | null;
    readonly zone: Zone;
    readonly until: number;
  } | null = null;
  return () => {
    const from = known();
    const began = now();
    if (made !== null && (made.from === from || began < made.until)) return made.zone;
    const serial = Math.max(Math.floor(began / 1000), (made?.zone.serial ?? 0) + 1);
    const zone = zoneOf(from, name, serial);
    const ended = now();
    made = { from, zone, until: ended + (ended - began) * rest };
    return zone;
  };
}
