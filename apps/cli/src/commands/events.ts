import type { Event } from '@trunkline/contracts';
import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { jsonLine, yamlText } from '../format/data-text.ts';
import type { Output } from '../format/listing.ts';
import { plain } from '../format/plain.ts';
import type { Filters } from '../kinds/kind-table.ts';
import { logOf, recentEvents } from '../kinds/recent-events.ts';
import type { Ending } from '../lib/exit-codes.ts';
import type { Io } from '../lib/io.ts';

export type EventFlags = ServerFlags &
  Pick<Filters, 'type' | 'network' | 'host'> & {
    readonly output: Output;
    readonly follow?: boolean;
    /** How many of the last events are shown. */
    readonly last?: number;
    /** Show all after this revision instead. */
    readonly after?: string;
  };

const defaultLast = 50;

/** Shows the last events, and with `--follow` all that come, one on a line. */
export async function showEvents(io: Io, flags: EventFlags): Promise<Ending> {
  const { type, network, host, output } = flags;
  const filters = {
    ...(type === undefined ? {} : { type }),
    ...(network === undefined ? {} : { network }),
    ...(host === undefined ? {} : { host }),
  };
  const write = (event: Event): void => io.write(eventText(io, event, output));
  return withServer<Ending>(io, flags, async ({ client }) => {
    let after = flags.after;
    if (after === undefined) {
      const last = flags.last ?? (flags.follow === true ? 0 : defaultLast);
      const recent = await recentEvents(logOf(client, filters), last);
      recent.events.forEach(write);
      after = recent.end.toString();
    } else {
      for await (const event of client.events.all({ ...filters, after, limit: 1000 })) {
        write(event);
        after = event.revision;
        if (io.readerGone.aborted) return 'ok';
      }
    }
    if (flags.follow !== true) return 'ok';
    let isAgain = false;
    const onOpen = (): void => {
      if (isAgain) io.note('the server is there again');
      isAgain = true;
    };
    for await (const event of client.events.follow({ after, query: filters, signal: io.readerGone, onOpen }))
      write(event);
    return 'ok';
  });
}

/** An event on one line, or as a document. */
function eventText(io: Io, event: Event, output: Output): string {
  if (output === 'json') return jsonLine(event);
  if (output === 'yaml') return `${yamlText(event)}---\n`;
  if (output === 'name') return `event/${plain(event.revision)}\n`;
  const { at, type, subject, actor, data } = event;
  const words = [io.paint('faint', plain(at)), plain(type).padEnd(28), plain(subject), `by ${plain(actor)}`];
  if (output === 'wide') words.push(plain(jsonLine(data).trimEnd()));
  return `${words.join('  ')}\n`;
}
