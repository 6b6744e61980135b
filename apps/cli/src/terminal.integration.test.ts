/** What is different on a terminal: `script` of util-linux gives the program one. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { shellWord } from './format/shell-word.ts';
import { carryOut, useCli } from './run-cli.fixture.ts';

const cli = useCli();
const program = join(import.meta.dirname, 'main.ts');

beforeAll(async () => carryOut(await cli.server.joinHost('docker01')));

/** Runs the program on a terminal, and types once it shows a prompt; answers all that the terminal got. */
function onTerminal(
  args: readonly string[],
  { env = {}, prompt, typed }: { env?: Record<string, string>; prompt?: string; typed?: string } = {},
): Promise<{ code: number | null; screen: string }> {
  const command = [process.execPath, program, ...args].map(shellWord).join(' ');
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', XDG_CONFIG_HOME: cli.home, ...env },
  });
  return new Promise((resolve, reject) => {
    let screen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      screen += chunk.toString();
      if (prompt !== undefined && screen.endsWith(prompt)) child.stdin.write(typed);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, screen }));
  });
}

test('a token is typed without being shown, and kept', async () => {
  const { token } = cli.server;
  const { code, screen } = await onTerminal(['login', cli.baseUrl, '--name', 'typed'], {
    prompt: 'Token: ',
    typed: `x\u007f${token}\r`,
  });
  expect([code, screen]).toEqual([0, expect.stringContaining('context typed')]);
  expect(screen).not.toContain(token);
  const kept = JSON.parse(await readFile(join(cli.home, 'trunkline/contexts.json'), 'utf8')) as {
    contexts: Record<string, { token: string }>;
  };
  expect(kept.contexts['typed']?.token).toBe(token);
});

test('colours and progress are only on a terminal, and colours not with NO_COLOR', async () => {
  const env = { TRUNKLINE_URL: cli.baseUrl, TRUNKLINE_TOKEN: cli.server.token };
  expect((await onTerminal(['get', 'hosts'], { env })).screen).toContain('\u001b[1mNAME');
  const plain = await onTerminal(['get', 'hosts'], { env: { ...env, NO_COLOR: '1' } });
  expect(plain.screen).toMatch(/^NAME/);
  expect(plain.screen).not.toContain('\u001b');

  const network = 'kind: network\nname: slow\nparent: ens33\nsubnets: [{cidr: 10.92.0.0/24}]\n';
  const file = await cli.file('slow.yaml', network);
  const piped = await cli.asAdmin(['apply', '-f', file, '--wait=0']);
  expect([piped.code, piped.stderr]).toEqual([4, expect.not.stringContaining('\u001b')]);
  const { code, screen } = await onTerminal(['apply', '-f', file, '--wait=0'], { env });
  expect(code).toBe(4);
  // The line of progress is taken away before the sentence comes.
  const [, progress, sentence] = screen.split('\r\u001b[K');
  expect(progress).toMatch(/^network slow is in place on 0 of 1 hosts/);
  expect(sentence).toMatch(/^trunkline: waited in vain/);
});
