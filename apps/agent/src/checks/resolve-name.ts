import { createResolver } from './resolve.ts';

/**
 * A program of its own, because it runs in the network namespace of a container: `resolve-name.ts SERVER[,SERVER] NAME`
 * asks these servers (address, or address:port) for a name and prints `{"addresses": […], "error": null | "ENOTFOUND"}`.
 */
const [servers = '', name = ''] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(await createResolver(servers.split(','))(name))}\n`);
