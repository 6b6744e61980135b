/**
 * Asks the server on this machine whether it is alive, over the address and scheme of its settings: exit code 0 or 1. For the health
 * check of a container. The certificate is not checked, since the question goes to this machine and has no secret in it.
 */
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { messageOf } from '@trunkline/log';
import { readConfig } from './config.ts';

const timeoutMs = 2_500;

try {
  const { listen, transport } = readConfig(process.env, process.getuid?.() === 0);
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[listen.host] ?? listen.host;
  const options = { host, port: listen.port, path: '/livez', timeout: timeoutMs };
  const isSecure = transport.kind === 'own' || transport.kind === 'files';
  const asked = isSecure ? getSecure({ ...options, rejectUnauthorized: false }) : getPlain(options);
  asked.on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
  asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  asked.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
