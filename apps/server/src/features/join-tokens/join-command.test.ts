import { expect, test } from 'vitest';
import { joinCommand } from './join-command.ts';

test('the line names the server, the token, and the host where only one may join', () => {
  expect(joinCommand('https://trunkline.example.net:7400', 'tlj_a.b-c', null)).toBe(
    'trunkline-agent join https://trunkline.example.net:7400 tlj_a.b-c',
  );
  expect(joinCommand('https://10.0.0.5:7400', 'tlj_a', 'docker01')).toBe(
    'trunkline-agent join https://10.0.0.5:7400 tlj_a --name docker01',
  );
});

test('what a shell would read is quoted, whatever name a request was sent to', () => {
  expect(joinCommand("https://$(reboot)';x", 'tlj_a', null)).toBe(
    String.raw`trunkline-agent join 'https://$(reboot)'\'';x' tlj_a`,
  );
  expect(joinCommand('https://[fd00::5]:7400', 'tlj_a', null)).toContain("'https://[fd00::5]:7400'");
});
