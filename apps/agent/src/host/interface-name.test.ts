import { expect, it } from 'vitest';
import { assertInterfaceName, InvalidInterfaceName } from './interface-name.ts';

it.each(['ens33', 'ens33.10', 'eth0', 'br-1a2b3c', 'a', 'exactly-15-byte'])('takes %s', (name) => {
  expect(() => assertInterfaceName(name)).not.toThrow();
});

it.each([
  '',
  '.',
  '..',
  '-o',
  'ens/33',
  'ens 33',
  'ens:1',
  'eth%d',
  'a@b',
  'ens33\n',
  'sixteen-bytes-xx',
  'é',
  '$(id)',
])('refuses %j', (name) => {
  expect(() => assertInterfaceName(name)).toThrow(InvalidInterfaceName);
});
