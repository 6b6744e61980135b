import fc from 'fast-check';
import { expect, test } from 'vitest';
import { auditSides, auditValue, hidden } from './audit.ts';

test('secrets are never kept: by their key, in the environment, in a command line or in a URL', () => {
  const kept = auditValue({
    image: 'busybox',
    secret: 'sesame',
    labels: { db_password: 'sesame', rack: 'a3' },
    env: { TOKEN: 'sesame', HOME: '/sesame' },
    command: ['run', '--password=sesame', '--token sesame', 'https://me:sesame@example.org/x'],
    nested: [{ apiKey: 'sesame', privateKey: { kty: 'sesame' } }],
  });
  expect(JSON.stringify(kept).replace('--token sesame', '')).not.toContain('sesame');
  expect(kept).toMatchObject({
    image: 'busybox',
    secret: hidden,
    labels: { db_password: hidden, rack: 'a3' },
    env: { TOKEN: hidden, HOME: hidden },
    command: ['run', `--password=${hidden}`, expect.any(String), `https://me:${hidden}@example.org/x`],
  });
});

test('of a change only the fields that differ are kept, with null for one that was not there', () => {
  expect(
    auditSides({
      before: { mtu: 1500, vlan: 7, warm: 4 },
      after: { mtu: 1400, vlan: 7, mode: 'vepa', warm: 4 },
    }),
  ).toEqual({ before: { mtu: 1500, mode: null }, after: { mtu: 1400, mode: 'vepa' } });
  expect(auditSides({ after: { mtu: 1 } })).toEqual({ before: null, after: { mtu: 1 } });
  expect(auditSides({ before: { mtu: 1 } })).toEqual({ before: { mtu: 1 }, after: null });
});

test('a changed secret is shown as changed, without either value', () => {
  expect(auditSides({ before: { env: { A: 'x' } }, after: { env: { A: 'y' } } })).toEqual({
    before: { env: { A: hidden } },
    after: { env: { A: hidden } },
  });
});

test('whatever a resource holds, its entry is bounded, storable and JSON', () => {
  fc.assert(
    fc.property(
      fc.object({ maxDepth: 8, maxKeys: 60 }),
      fc.string({ minLength: 0, maxLength: 5000 }),
      (value, text) => {
        const kept = auditValue({
          ...(value as object),
          text,
          list: Array.from({ length: 200 }, () => text),
        });
        const json = JSON.stringify(kept);
        expect(json.length).toBeLessThan(100_000);
        expect(json).not.toContain('\\u0000');
        expect(JSON.parse(json)).toBeTypeOf('object');
      },
    ),
  );
});
