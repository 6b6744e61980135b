import { expect, test } from 'vitest';
import { countInterfaces } from './container-interfaces.ts';

const heads = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
const line = (name: string) =>
  `${name.padStart(6)}:    1234      20    0    0    0     0          0         0     1234      20\n`;

test.each([
  ['one interface and lo', heads + line('lo') + line('eth0'), 1],
  ['nothing but lo, as when the link below vanished', heads + line('lo'), 0],
  [
    'the fallback devices of tunnel modules do not count',
    heads + line('lo') + line('tunl0') + line('eth0') + line('eth1'),
    2,
  ],
])('%s', async (_name, text, count) => {
  expect(await countInterfaces(7, async (path) => (path === '/proc/7/net/dev' ? text : ''))).toBe(count);
});

test('a process that is gone has no count', async () => {
  expect(await countInterfaces(7, () => Promise.reject(new Error('ENOENT')))).toBeNull();
});
