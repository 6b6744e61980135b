import {
  isHostsName,
  maxNamedContainers,
  type NamedContainer,
  type NamesOfNetwork,
} from '@trunkline/contracts';
import type { NamedNetwork } from './names.store.ts';

/** What runs on one network, with the version of its names that this is about. */
export interface NetworkContent {
  version: string;
  /** Those that run longest first. */
  containers: readonly NamedContainer[];
}

/** Bound of one network in an answer, in characters of names. */
const maxCharacters = 512 * 1024;

/**
 * What a host gets of a network: the containers of all other hosts, without what cannot be a name in a hosts file. Docker takes
 * any text as an alias, and a report is what another host wrote. Pure.
 */
export function namesOfNetwork(
  { id, name }: NamedNetwork,
  { containers }: NetworkContent,
  host: string,
): NamesOfNetwork {
  const sent: NamedContainer[] = [];
  let characters = 0;
  for (const container of containers) {
    if (container.host === host || !isHostsName(container.name)) continue;
    const aliases = container.aliases.filter(isHostsName);
    characters += container.name.length + aliases.reduce((sum, alias) => sum + alias.length, 0);
    if (sent.length === maxNamedContainers || characters > maxCharacters)
      return { networkId: id, network: name, truncated: true, containers: sent };
    sent.push({ ...container, aliases });
  }
  return { networkId: id, network: name, truncated: false, containers: sent };
}
