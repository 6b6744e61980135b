import { expect, test } from 'vitest';
import { named } from '../names/named.fixture.ts';
import { namedNetwork } from './zone.fixture.ts';
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

test('a zone that took long to make stays for a while, and then the change is seen', () => {
  let known = [namedNetwork([named('box2')])];
  let now = 0;
  let tookMs = 100;
  const zone = createZoneSource(
    () => known,
    'lan',
    () => (now += tookMs),
  );
  const has = (name: string): boolean => zone().nodes.has(`${name}.mac_net1.lan`);
  expect(has('box2')).toBe(true);
  known = [namedNetwork([named('box3')])];
  tookMs = 1;
  expect([has('box2'), has('box3')]).toEqual([true, false]);
  now += 1000;
  expect([has('box2'), has('box3')]).toEqual([false, true]);
});
