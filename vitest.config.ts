import { defineConfig } from 'vitest/config';
import { kernelHasVlan } from './packages/lab/src/vm/kernel-has-vlan.ts';

/** Where the kernel has no VLANs, the tests that need them run in the VM. Who cannot make links runs no such test. */
const vlanTests = (await kernelHasVlan().catch(() => false))
  ? 'test/vlan/**/*.test.ts'
  : 'packages/lab/src/vm/vlan-in-vm.test.ts';

/** How long `expect.poll` waits: a second, its default, is less than a busy machine may take. */
const pollMs = 10_000;

/** A test on real parts that fails is tried once more, and the run names it (docs/decisions/0046-a-second-try-is-named.md). */
const retry = 1;

/** Labs do not see each other, and a test with one waits more than it works: two fill a machine of two processors. */
const labsAtOnce = 2;

/** Bundles, compresses and installs: beside a lab it keeps that from what has a second to answer. */
const packageTests = 'test/e2e/{debian-packages,packaged}*.test.ts';

/**
 * Projects, run in this order: `unit` needs nothing but Node, `integration` a real PostgreSQL (the embedded
 * one), `e2e` the lab (root, network namespaces, real dockerds, `test/engines` with a newer one), `packages` installs what
 * `npm run package` makes, `vm` boots VMs, `vlan` needs a kernel with 8021q and goes into the VM if need be; `e2e` two files at a time, those after it one.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          expect: { poll: { timeout: pollMs } },
          testTimeout: 20_000,
          include: ['{apps,packages,test}/**/*.test.ts'],
          exclude: [
            '**/node_modules/**',
            '**/*.{integration,e2e}.test.ts',
            'test/{e2e,engines,vlan}/**',
            'packages/lab/src/{hosts,vm}/**',
          ],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          retry,
          include: ['{apps,packages,test}/**/*.integration.test.ts'],
          exclude: ['**/node_modules/**', 'test/{e2e,engines,vlan}/**'],
          globalSetup: ['./test/integration/postgres.setup.ts'],
          expect: { poll: { timeout: pollMs } },
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          retry,
          include: [
            'test/{e2e,engines}/**/*.test.ts',
            'packages/lab/src/hosts/**/*.test.ts',
            'test/chaos/**/*.e2e.test.ts',
          ],
          exclude: ['**/node_modules/**', packageTests],
          maxWorkers: labsAtOnce,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'packages',
          retry,
          include: [packageTests],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'vm',
          retry,
          include: ['packages/lab/src/vm/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'packages/lab/src/vm/vlan-in-vm.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 900_000,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          name: 'vlan',
          retry,
          include: [vlanTests],
          fileParallelism: false,
          // For an emulated machine, some 20 times slower.
          testTimeout: 600_000,
          hookTimeout: 1_200_000,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
