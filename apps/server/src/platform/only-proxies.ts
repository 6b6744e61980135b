import { BlockList, isIPv6 } from 'node:net';
import fp from 'fastify-plugin';
import { ApiError } from './errors.ts';

/** What a proxy or its supervisor asks to see whether the server is well: nothing secret is in it. */
const healthRoutes = new Set(['/livez', '/readyz']);

/**
 * Refuses what came over plain HTTP from anybody but a trusted proxy or this machine, and what a proxy says that it was sent over plain
 * HTTP (`X-Forwarded-Proto: http`): a token in it was readable on its way.
 */
export const onlyProxies = fp<{ proxies: readonly string[] }>(
  async (app, { proxies }) => {
    const trusted = blockListOf([...proxies, '127.0.0.0/8', '::1']);
    app.addHook('onRequest', async ({ raw, headers, routeOptions }) => {
      if (healthRoutes.has(routeOptions.url ?? '')) return;
      const peer = plainAddress(raw.socket.remoteAddress ?? '');
      if (!trusted.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4'))
        throw new ApiError(
          'https_required',
          `${peer} asked over plain HTTP, and only the proxies in TRUNKLINE_TRUST_PROXY may: use the https URL of the proxy, and replace a token that was sent`,
        );
      if (String(headers['x-forwarded-proto'] ?? 'https').toLowerCase() === 'http')
        throw new ApiError(
          'https_required',
          'the proxy says that this came over plain HTTP: use https, and replace a token that was sent',
        );
    });
  },
  { name: 'only-proxies', dependencies: ['problems'] },
);

/** Of addresses and CIDRs. */
function blockListOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', length] = proxy.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return list;
}

/** An IPv4 address as itself, also where a socket of both families has it. */
const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
