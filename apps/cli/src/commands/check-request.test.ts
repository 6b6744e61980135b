import { expect, test } from 'vitest';
import { checkRequest, readPair } from './check-request.ts';

test.each([
  [
    'connectivity',
    ['box1', 'box2'],
    { count: 3 },
    { from: { container: 'box1' }, to: { container: 'box2' }, count: 3 },
  ],
  ['wire', ['mac_net1'], { timeout: 20 }, { network: 'mac_net1', timeoutSeconds: 20 }],
  ['addresses', [undefined], {}, {}],
  ['diagnose', [undefined], { from: 'a', to: 'b' }, { from: { container: 'a' }, to: { container: 'b' } }],
  ['diagnose', [undefined], { host: 'docker01' }, { host: 'docker01' }],
  ['matrix', ['mac_net1'], { names: true, port: 80 }, { network: 'mac_net1', names: true, port: 80 }],
  [
    'matrix',
    [undefined],
    { pair: ['box1,host:docker02,22'] },
    { pairs: [{ from: { container: 'box1' }, to: { host: 'docker02' }, port: 22 }] },
  ],
] as const)('%s %j %j', (kind, words, options, fields) => {
  expect(checkRequest(kind, words, options)).toEqual({ kind, ...fields });
});

test('an IPv6 address is one end of a pair', () => {
  expect(readPair('host:docker01,address:fd00::1')).toEqual({
    from: { host: 'docker01' },
    to: { address: 'fd00::1' },
  });
});

test.each(['box1', 'box1,', 'a,b,c', 'a,b,0', 'a,b,1,2', 'gateway:x,b', 'a,planet:b'])(
  '"%s" is no pair',
  (text) => {
    expect(() => readPair(text)).toThrow(/no pair|no TCP port|no end of a pair/);
  },
);
