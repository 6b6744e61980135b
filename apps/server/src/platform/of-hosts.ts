/** What belongs to each of some hosts, by host id. */
export type OfHosts<T> = ReadonlyMap<string, T[]>;

/** Sorts rows by their hosts, in the order in which they come. */
export function ofHosts<R extends { readonly hostId: string }, T>(
  rows: readonly R[],
  read: (row: R) => T,
): OfHosts<T> {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const own = found.get(row.hostId);
    if (own === undefined) found.set(row.hostId, [read(row)]);
    else own.push(read(row));
  }
  return found;
}
