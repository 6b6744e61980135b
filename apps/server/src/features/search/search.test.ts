import { expect, test } from 'vitest';
import { readText } from './search.service.ts';

test.each([
  [' Web-1 ', { text: 'web-1', ip: null, mac: null }],
  ['172.16.100.10', { text: '172.16.100.10', ip: '172.16.100.10', mac: null }],
  ['FD00:0::0010', { text: 'fd00:0::0010', ip: 'fd00::10', mac: null }],
  ['02-42-AC', { text: '02-42-ac', ip: null, mac: '02:42:ac' }],
  ['02:42:ac:10:64:0a', { text: '02:42:ac:10:64:0a', ip: null, mac: '02:42:ac:10:64:0a' }],
  ['ab', { text: 'ab', ip: null, mac: null }],
])('%j', (given, read) => {
  expect(readText(given)).toEqual(read);
});
