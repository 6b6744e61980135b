import { Resolver } from 'node:dns/promises';

/**
 * A program of its own, because it runs in the network namespace of a container: `resolve-name.ts SERVER[,SERVER] NAME`
 * asks these servers (address, or address:port) for a name and prints `{"addresses": […], "error": null | "ENOTFOUND"}`.
 */
const [servers = '', name = ''] = process.argv.slice(2);
const resolver = new Resolver({ timeout: 3000, tries: 1 });
resolver.setServers(servers.split(','));

const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
const failure = answers.find((answer) => answer.status === 'rejected');
const reason: unknown = failure?.reason;
const code = reason instanceof Error && 'code' in reason ? String(reason.code) : null;
process.stdout.write(
  `${JSON.stringify({ addresses, error: addresses.length > 0 ? null : (code ?? 'ENODATA') })}\n`,
);
