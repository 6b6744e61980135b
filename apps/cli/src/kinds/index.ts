import { misuse } from '../lib/failure.ts';
import { addresses } from './addresses.ts';
import { checks } from './checks.ts';
import { containers } from './containers.ts';
import { endpoints } from './endpoints.ts';
import { events } from './events.ts';
import { hosts } from './hosts.ts';
import { kindNamed, kindNames, kindTable, type KindName } from './kind-table.ts';
import type { Kind } from './kind.ts';
import { networks } from './networks.ts';
import { placements } from './placements.ts';

/** How each kind is read and shown. */
const kinds: Readonly<Record<KindName, Kind>> = {
  network: networks,
  host: hosts,
  placement: placements,
  address: addresses,
  container: containers,
  endpoint: endpoints,
  event: events,
  check: checks,
};

/** A kind by its name, in the singular or the plural; fails with those that there are. */
export function kindOf(word: string): Kind {
  const name = kindNamed(word);
  if (name !== undefined) return kinds[name];
  throw misuse(
    `there is no kind "${word}": there are ${kindNames.map((one) => kindTable[one].plural).join(', ')}`,
  );
}
