import { text } from 'node:stream/consumers';
import { createSlots } from '../lib/slots.ts';
import { createResolver } from './resolve.ts';
import { connectTo, type InsideAnswer, type InsideQuestion } from './tcp.ts';

/**
 * A program of its own, because it runs in the network namespace of a container: reads an `InsideQuestion` from its standard input,
 * resolves the names and connects to the ports, and prints an `InsideAnswer`. What has not begun at the end of the time is null.
 */
const question = JSON.parse(await text(process.stdin)) as InsideQuestion;
const until = Date.now() + question.leftMs;
const slot = createSlots(64);
const inTime = <T>(work: () => Promise<T>): Promise<T | null> =>
  slot(async () => (Date.now() < until ? await work() : null));

const resolve = createResolver(question.servers);
const [names, ports] = await Promise.all([
  Promise.all(question.names.map((name) => inTime(() => resolve(name)))),
  Promise.all(question.ports.map(({ address, port }) => inTime(() => connectTo(address, port)))),
]);
process.stdout.write(`${JSON.stringify({ names, ports } satisfies InsideAnswer)}\n`);
