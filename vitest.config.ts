import { defineConfig } from 'vitest/config';

/**
 * Three projects, run in this order: `unit` needs nothing but Node, `integration` a real PostgreSQL (the
 * embedded one), `e2e` the lab (root, network namespaces, real dockerds), one file at a time.
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{apps,packages,test}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.integration.test.ts', 'test/e2e/**', 'test/lab/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['{apps,packages,test}/**/*.integration.test.ts'],
          exclude: ['**/node_modules/**', 'test/e2e/**', 'test/lab/**'],
          globalSetup: ['./test/integration/postgres.setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/lab/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
