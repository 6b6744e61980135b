/**
 * Runs for a moment inside the switch's namespace: listens there and hands the socket to the parent,
 * which lives outside. A socket keeps the namespace it was made in. Arguments: address, port.
 */
import net from 'node:net';
import { BACKLOG } from './relay.ts';

const [host = '', port = ''] = process.argv.slice(2);
const server = net.createServer();
server.on('error', (error) => {
  process.send?.({ error: error.message }, () => process.exit(1));
});
server.listen({ host, port: Number(port), backlog: BACKLOG }, () => {
  process.send?.({ listening: true }, server, {}, () => process.exit(0));
});
