import type { CheckCreate, MatrixPair } from '@trunkline/contracts';
import { misuse } from '../lib/failure.ts';

/** What a command line says of a check, beside its kind and its names. */
export interface CheckOptions {
  readonly count?: number;
  readonly timeout?: number;
  readonly host?: string;
  readonly container?: string;
  readonly from?: string;
  readonly to?: string;
  readonly pair?: readonly string[];
  readonly port?: number;
  readonly names?: boolean;
}

/** The request for a check. What the server can judge is left to it. */
export function checkRequest(
  kind: CheckCreate['kind'],
  words: readonly (string | undefined)[],
  { count, timeout, host, container, from, to, pair, port, names }: CheckOptions,
): CheckCreate {
  const [first, second] = words;
  const isConnectivity = kind === 'connectivity';
  const [source, target] = isConnectivity ? [first, second] : [from, to];
  const fields = {
    from: source === undefined ? undefined : { container: source },
    to: target === undefined ? undefined : { container: target },
    network: isConnectivity ? undefined : first,
    host,
    container,
    pairs: pair?.map(readPair),
    port,
    names,
    count,
    timeoutSeconds: timeout,
  };
  return { kind, ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) };
}

const sources = ['container', 'host'] as const;
const targets = ['container', 'host', 'gateway', 'address'] as const;

/** Reads `box1,box2`, `host:docker01,gateway:mac_net1` or `box1,address:172.16.100.1,443`. */
export function readPair(text: string): MatrixPair {
  const [from, to, port, ...more] = text.split(',');
  if (from === undefined || from === '' || to === undefined || to === '' || more.length > 0)
    throw misuse(`"${text}" is no pair: write FROM,TO or FROM,TO,PORT, such as box1,gateway:mac_net1`);
  const number = Number(port);
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && number >= 1 && number <= 65_535))
    throw misuse(`"${port}" in the pair "${text}" is no TCP port`);
  return {
    from: readEnd(from, sources),
    to: readEnd(to, targets),
    ...(port === undefined ? {} : { port: number }),
  };
}

/** `what:name`, or the name of a container. */
function readEnd<W extends string>(
  text: string,
  known: readonly W[],
): Partial<Record<W | 'container', string>> {
  const colon = text.indexOf(':');
  if (colon === -1) return { container: text } as Partial<Record<W | 'container', string>>;
  const what = text.slice(0, colon);
  const found = known.find((one) => one === what);
  if (found === undefined)
    throw misuse(
      `"${text}" is no end of a pair: write NAME or one of ${known.map((one) => `${one}:…`).join(', ')}`,
    );
  return { [found]: text.slice(colon + 1) } as Partial<Record<W | 'container', string>>;
}
