/**
 * The IPv4 addresses of a network stack, out of the text of its /proc/PID/net/fib_trie: the local table has each as a
 * host route. Those of the loopback are left out, and so are those of interfaces that are down.
 */
export function addressesIn(fibTrie: string): readonly string[] {
  const found = new Set<string>();
  let leaf = '';
  for (const line of fibTrie.split('\n')) {
    const address = /^\s*\|-- (\d+\.\d+\.\d+\.\d+)$/.exec(line)?.[1];
    if (address !== undefined) leaf = address;
    else if (/^\s*\/32 host LOCAL$/.test(line) && !leaf.startsWith('127.')) found.add(leaf);
  }
  return [...found];
}

/** Numbers of the interfaces that are up in a network stack, out of its /proc/PID/net/igmp, the loopback's left out. */
export function interfacesIn(igmp: string): readonly number[] {
  return igmp.split('\n').flatMap((line) => {
    const [, index, name] = /^(\d+)\s+(\S+)\s*:/.exec(line) ?? [];
    return index === undefined || name === 'lo' ? [] : [Number(index)];
  });
}
