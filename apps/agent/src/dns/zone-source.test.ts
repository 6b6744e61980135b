import { expect, test } from 'vitest';
import { named, namedNetwork } from './zone.fixture.ts';
import { createZoneSource } from './zone-source.ts';
import type { ZoneNetwork } from './zone.ts';

test('the zone is made once for each content, and its serial rises with each', () => {
  let known: ZoneNetwork[] | null = null;
  const zone = createZoneSource(
    () => known,
    'lan',
    () => 5_000,
  );
  const first = zone();
  expect([first.isKnown, first.serial, zone()]).toEqual([false, 5, first]);
  known = [namedNetwork([named('box2')])];
  const second = zone();
  expect([second.isKnown, second.serial]).toEqual([true, 6]);
  expect(second.nodes.has('box2.mac_net1.lan')).toBe(true);
  expect(zone()).toBe(second);
});
