import { withServer, type ServerFlags } from '../contexts/open-server.ts';
import { jsonText, yamlText } from '../format/data-text.ts';
import type { Output } from '../format/listing.ts';
import { plain } from '../format/plain.ts';
import { orDash, tableLines } from '../format/table.ts';
import { subnetAround } from '../kinds/addresses.ts';
import {
  holdersIn,
  readAsked,
  readFleet,
  type Asked,
  type Fleet,
  type Holder,
} from '../kinds/find-holders.ts';
import type { Ending } from '../lib/exit-codes.ts';
import { Failure } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

export type WhoFlags = ServerFlags & { readonly output: Output };

/** Says who has an address, a MAC or a name, anywhere in the fleet. */
export async function who(io: Io, text: string, flags: WhoFlags): Promise<Ending> {
  const asked = readAsked(text);
  const fleet = await withServer(io, flags, ({ client }) => readFleet(client, asked));
  const holders = holdersIn(fleet, asked);
  if (holders.length === 0) throw new Failure('notFound', nobodySentence(fleet, asked));
  io.write(holdersText(io, holders, flags.output));
  return 'ok';
}

/** What is known where nobody has it. */
function nobodySentence({ networks }: Fleet, asked: Asked): string {
  if (asked.by === 'mac') return `nobody that Trunkline knows has the MAC ${asked.mac}`;
  if (asked.by === 'name') return `nothing that Trunkline knows is called "${asked.name}"`;
  const around = networks.flatMap((network) => {
    const subnet = subnetAround(network, asked.ip);
    return subnet === undefined ? [] : [`${subnet.cidr} of ${network.name}`];
  });
  return around.length === 0
    ? `nobody has ${asked.ip}: it is in no subnet of any network`
    : `nobody has ${asked.ip}: it is in ${around.join(' and ')}`;
}

const headings = ['WHAT', 'NAME', 'NETWORK', 'HOST', 'CONTAINER', 'OWNER', 'STATE', 'MAC'] as const;

function holdersText(io: Io, holders: readonly Holder[], output: Output): string {
  if (output === 'json') return jsonText(holders);
  if (output === 'yaml') return yamlText(holders);
  if (output === 'name')
    return holders
      .map(
        ({ what, name, network, host }) =>
          `${[what, network ?? host, name].filter((one) => one !== null).join('/')}\n`,
      )
      .map(plainLine)
      .join('');
  const rows = holders.map(({ what, name, network, host, container, owner, state, mac }) => [
    what,
    name,
    ...[network, host, container, owner, state, mac].map(orDash),
  ]);
  return `${tableLines(headings, rows, io.paint).join('\n')}\n`;
}

const plainLine = (line: string): string => `${plain(line.trimEnd())}\n`;
