import { expect, test } from 'vitest';
import { safeProcessors } from './processors.ts';

test.each([
  ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)', 1],
  ['QEMU emulator version 8.0.4', 1],
  ['QEMU emulator version 8.1.0', 4],
  ['QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)', 4],
  ['something else', 1],
])('%s gives %i of 4 processors', (version, processors) => {
  expect(safeProcessors(version, 4)).toBe(processors);
});
