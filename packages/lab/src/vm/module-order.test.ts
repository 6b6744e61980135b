import { expect, test } from 'vitest';
import { moduleOrder } from './module-order.ts';

const modulesDep = `kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/fscache/fscache.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/net/9p/9pnet.ko.xz:
kernel/net/9p/9pnet_virtio.ko.xz: kernel/net/9p/9pnet.ko.xz
kernel/drivers/char/virtio-console.ko:
`;
const builtin = 'kernel/fs/overlayfs/overlay.ko\n';

test('what a module needs comes before it, and nothing comes twice', () => {
  expect(moduleOrder(modulesDep, builtin, ['9pnet_virtio', '9p'])).toEqual([
    'kernel/net/9p/9pnet.ko.xz',
    'kernel/net/9p/9pnet_virtio.ko.xz',
    'kernel/fs/netfs/netfs.ko.xz',
    'kernel/fs/fscache/fscache.ko.xz',
    'kernel/fs/9p/9p.ko.xz',
  ]);
});

test('a module is found whether its file has dashes or underscores', () => {
  expect(moduleOrder(modulesDep, builtin, ['virtio_console'])).toEqual([
    'kernel/drivers/char/virtio-console.ko',
  ]);
});

test('a module that is built in needs no file', () => {
  expect(moduleOrder(modulesDep, builtin, ['overlay'])).toEqual([]);
});

test('a kernel that lacks a module is refused by its name', () => {
  expect(() => moduleOrder(modulesDep, builtin, ['virtio_pci'])).toThrow('no module virtio_pci');
});
