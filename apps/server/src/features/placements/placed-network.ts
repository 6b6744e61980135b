import { ApiError } from '../../platform/errors.ts';

/** A network as far as its place on hosts goes. */
export interface PlacedNetwork {
  id: string;
  name: string;
  generation: number;
  deletingSince: Date | null;
  parent: string | null;
  /** Another parent on some hosts, by host name. */
  parents: Record<string, string>;
}

/** A network that must be there. */
export function foundNetwork<Row>(row: Row | undefined, name: string): Row {
  if (row === undefined) throw new ApiError('network_not_found', `there is no network ${name}`);
  return row;
}

/** The parent of the network on one host; null: the interface of its default route. */
export function parentOn(
  network: Pick<PlacedNetwork, 'parent' | 'parents'>,
  hostName: string,
): string | null {
  return network.parents[hostName] ?? network.parent;
}
