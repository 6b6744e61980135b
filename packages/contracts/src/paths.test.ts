import { expect, test } from 'vitest';
import { addressPath, networkPath, ownerPath, placementPath } from './paths.ts';

test.each([
  [placementPath('mac_net1', 'docker-01.lan'), '/v1/networks/mac_net1/placements/docker-01.lan'],
  [addressPath('mac_net1', 'fd00::10'), '/v1/networks/mac_net1/addresses/fd00::10'],
  [ownerPath('mac_net1', 'a/b?c#d e'), '/v1/networks/mac_net1/addresses/by-owner/a%2Fb%3Fc%23d%20e'],
  [networkPath('../tokens'), '/v1/networks/..%2Ftokens'],
])('%s: each name is one segment of the path, with nothing of it lost', (path, expected) => {
  expect(path).toBe(expected);
});
