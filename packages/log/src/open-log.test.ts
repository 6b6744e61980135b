import { expect, test, vi } from 'vitest';
import { openLog } from './open-log.ts';

function lines() {
  const written: string[] = [];
  return { written, output: { write: (line: string) => void written.push(line) } };
}

test('elsewhere than on a terminal a line is one JSON object, with its time in ISO 8601', async () => {
  const { written, output } = lines();
  const log = await openLog({ output, terminal: false, base: { host: 'docker01' } });
  log.warn({ network: 'mac_net1' }, 'parent missing');
  expect(written).toHaveLength(1);
  const line = JSON.parse(written[0]!) as Record<string, unknown>;
  expect(line).toMatchObject({ level: 40, host: 'docker01', network: 'mac_net1', msg: 'parent missing' });
  expect(new Date(String(line['time'])).toISOString()).toBe(line['time']);
});

test('on a terminal a line is a sentence for people, without colours where NO_COLOR asks for it', async () => {
  vi.stubEnv('NO_COLOR', '1');
  const { written, output } = lines();
  const log = await openLog({ output, terminal: true, base: { host: 'docker01' } });
  log.error({ err: new Error('no such link') }, 'parent missing');
  vi.unstubAllEnvs();
  expect(written.join('')).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] ERROR: parent missing\n/);
  expect(written.join('')).toContain('no such link');
  expect(written.join('')).not.toContain('\u001b[');
});

test('a secret is left out on a terminal too', async () => {
  const { written, output } = lines();
  const log = await openLog({ output, terminal: true, redact: ['headers.authorization'] });
  log.info({ headers: { authorization: 'Bearer tl_secret' } }, 'refused');
  expect(written.join('')).not.toContain('tl_secret');
});
