import { zoneOf, type Zone, type ZoneNetwork } from './zone.ts';

/**
 * The zone as of now. It is made when it is asked for, and once for each value of `known`. Its serial is the time in seconds, and
 * rises also where that does not.
 */
export function createZoneSource(
  known: () => readonly ZoneNetwork[] | null,
  name: string,
  now: () => number,
): () => Zone {
  let from: readonly ZoneNetwork[] | null = null;
  let zone: Zone | null = null;
  return () => {
    const networks = known();
    if (zone === null || networks !== from) {
      zone = zoneOf(networks, name, Math.max(Math.floor(now() / 1000), (zone?.serial ?? 0) + 1));
      from = networks;
    }
    return zone;
  };
}
