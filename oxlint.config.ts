import { defineConfig } from 'oxlint';
import { importOverrides } from './scripts/imports.ts';

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'node', 'promise', 'vitest'],
  categories: {
    correctness: 'error',
    suspicious: 'error',
    perf: 'error',
  },
  rules: {
    'no-await-in-loop': 'off',
    'import/no-named-as-default-member': 'off',
    'promise/no-promise-in-callback': 'off',
    'typescript/consistent-return': 'off',
    'unicorn/prefer-set-has': 'off',
    'no-underscore-dangle': 'off',
    'unicorn/no-array-sort': 'off',
    'vitest/require-mock-type-parameters': 'off',
    'typescript/no-explicit-any': 'error',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/consistent-type-definitions': ['error', 'interface'],
    'import/no-cycle': 'error',
    'node/no-path-concat': 'error',
    'no-console': 'error',
  },
  overrides: [
    {
      files: ['**/*.test.ts', 'test/**', 'packages/lab/**'],
      rules: {
        'typescript/no-non-null-assertion': 'off',
        'no-console': 'off',
        'vitest/no-conditional-expect': 'off',
      },
    },
    ...importOverrides(import.meta.dirname),
  ],
  ignorePatterns: ['node_modules', 'prisma/generated', '.cache', 'dist'],
});
