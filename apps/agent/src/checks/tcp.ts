import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { TcpTry } from '@trunkline/contracts';
import type { Resolved } from './resolve.ts';

/** What is tried from inside one network namespace by one program. */
export interface InsideQuestion {
  readonly servers: readonly string[];
  readonly names: readonly string[];
  readonly ports: readonly { readonly address: string; readonly port: number }[];
  /** Nothing begins later than this, in milliseconds. */
  readonly leftMs: number;
}

/** One entry for each name and port, in order; null: the time was up before it was tried. */
export interface InsideAnswer {
  readonly names: readonly (Resolved | null)[];
  readonly ports: readonly (TcpTry | null)[];
}

/** How long a connection may take, in milliseconds: a lost SYN is sent again after one second (RFC 6298). */
export const connectMs = 2500;

/** What the kernel says, in words, where a connection fails without a refusal (connect(2)). */
const unreachable: Readonly<Record<string, string>> = {
  EHOSTUNREACH: 'no route to the host, or nobody answers ARP for it',
  ENETUNREACH: 'the network is unreachable: there is no route',
  EACCES: 'a firewall of this host forbids it',
  EPERM: 'a firewall of this host forbids it',
};

/** Opens a TCP connection and closes it at once. */
export function connectTo(address: string, port: number): Promise<TcpTry> {
  const { promise, resolve } = Promise.withResolvers<TcpTry>();
  const begun = performance.now();
  const elapsed = (): number => Math.round((performance.now() - begun) * 1000) / 1000;
  const socket = connect({ host: address, port });
  const end = (found: TcpTry): void => {
    socket.destroy();
    resolve(found);
  };
  socket.setTimeout(connectMs, () => end({ outcome: 'no-answer', ms: null, error: null }));
  socket.once('connect', () => end({ outcome: 'open', ms: elapsed(), error: null }));
  // A socket that has ended may still fail.
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const code = error.code ?? error.message;
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET')
      return end({ outcome: 'refused', ms: elapsed(), error: null });
    const why = code === 'ETIMEDOUT' ? null : (unreachable[code] ?? code);
    end({ outcome: 'no-answer', ms: null, error: why?.slice(0, 256) ?? null });
  });
  return promise;
}
