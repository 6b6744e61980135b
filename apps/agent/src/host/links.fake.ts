import { createCallRecord } from './call-record.ts';
import type { CallRecord } from './call-record.ts';
import { assertInterfaceName } from './interface-name.ts';
import {
  assertAlias,
  assertMtu,
  assertVlanId,
  conflictOfShim,
  conflictOfVlan,
  LinkConflict,
  LinkNotFound,
} from './links.ts';
import type { Link, Links } from './links.ts';

/** A small kernel in memory, for table tests. */
export type FakeLinks = Links &
  Pick<CallRecord, 'calls' | 'failNext'> & {
    /** Puts a link there, as somebody else would; one of the same name is replaced. */
    readonly put: (link: Partial<Link> & { readonly name: string }) => void;
    /** Takes a link away with all that stands on it, as somebody else (or a pulled card) would. */
    readonly takeAway: (name: string) => void;
  };

/**
 * A host with lo and the links given. Knows what the reconciler relies on and no more: the contract suite
 * (links.contract.ts) holds it to what the real kernel does. `calls` has only what would have reached the kernel as a
 * change, so `[]` says "touched nothing".
 */
export function createFakeLinks(
  initial: readonly (Partial<Link> & { readonly name: string })[] = [],
): FakeLinks {
  const { calls, failNext, note, look } = createCallRecord();
  const links = new Map<string, Link>();
  let nextIndex = 1;

  const put: FakeLinks['put'] = (link) => {
    const ifindex = link.ifindex ?? nextIndex;
    nextIndex = Math.max(nextIndex, ifindex) + 1;
    links.set(link.name, { ...plainLink(ifindex), ...link, ifindex });
  };
  const takeAway = (name: string): void => {
    links.delete(name);
    for (const link of links.values()) if (link.parent === name) takeAway(link.name);
  };
  const find = (name: string): Link | undefined => {
    assertInterfaceName(name);
    look('list');
    return links.get(name);
  };
  const get = (name: string): Link => {
    const link = find(name);
    if (link === undefined) throw new LinkNotFound(name, [...links.keys()]);
    return link;
  };
  const ensure = (
    name: string,
    isSo: (link: Link) => boolean,
    change: (link: Link) => Partial<Link>,
    call: readonly [method: string, ...args: readonly unknown[]],
  ): boolean => {
    const link = get(name);
    if (isSo(link)) return false;
    note(...call);
    links.set(name, { ...link, ...change(link) });
    return true;
  };

  put({ name: 'lo', kind: null, mac: null, mtu: 65_536, up: true, operState: 'UNKNOWN', carrier: true });
  for (const link of initial) put(link);

  return {
    calls,
    failNext,
    put,
    takeAway,
    list: async () => {
      look('list');
      return [...links.values()];
    },
    get: async (name) => get(name),
    setUp: async (name) =>
      ensure(
        name,
        (link) => link.up,
        () => ({ up: true, operState: 'UP', carrier: true }),
        ['setUp', name],
      ),
    setDown: async (name) =>
      ensure(
        name,
        (link) => !link.up,
        () => ({ up: false, operState: 'DOWN', carrier: false }),
        ['setDown', name],
      ),
    setPromiscuous: async (name, on) =>
      ensure(
        name,
        (link) => link.promiscuous === on,
        (link) => ({ promiscuous: on, promiscuity: link.promiscuity + (on ? 1 : -1) }),
        ['setPromiscuous', name, on],
      ),
    setMtu: async (name, mtu) => {
      assertMtu(mtu);
      return ensure(
        name,
        (link) => link.mtu === mtu,
        () => ({ mtu }),
        ['setMtu', name, mtu],
      );
    },
    setAlias: async (name, alias) => {
      assertAlias(alias);
      return ensure(
        name,
        (link) => (link.alias ?? '') === alias,
        () => ({ alias: alias === '' ? null : alias }),
        ['setAlias', name, alias],
      );
    },
    addVlan: async (spec) => {
      assertVlanId(spec.vlan);
      const parent = get(spec.parent);
      const existing = find(spec.name);
      const conflict = existing === undefined ? null : conflictOfVlan(existing, spec);
      if (conflict !== null) throw new LinkConflict(spec.name, conflict);
      if (existing !== undefined) return false;
      note('addVlan', spec);
      const { mac, mtu } = parent;
      put({ name: spec.name, kind: 'vlan', vlanId: spec.vlan, parent: spec.parent, mac, mtu });
      return true;
    },
    addShim: async (spec) => {
      const { name, parent, mac } = spec;
      const { mtu } = get(parent);
      const existing = find(name);
      const conflict = existing === undefined ? null : conflictOfShim(existing, spec);
      if (conflict !== null) throw new LinkConflict(name, conflict);
      if (existing !== undefined) return false;
      note('addShim', spec);
      put({ name, kind: 'macvlan', macvlanMode: 'bridge', parent, mac, mtu });
      return true;
    },
    remove: async (name, expectedAlias) => {
      const link = find(name);
      if (link === undefined) return false;
      if (link.alias !== expectedAlias) {
        throw new LinkConflict(name, `its alias is ${link.alias ?? 'empty'}, not ${expectedAlias}`);
      }
      note('remove', name);
      takeAway(name);
      return true;
    },
  };
}

/** A NIC as it is before anybody set it up. */
function plainLink(ifindex: number): Omit<Link, 'name'> {
  return {
    ifindex,
    mac: `02:00:00:00:00:${ifindex.toString(16).padStart(2, '0')}`,
    mtu: 1500,
    up: false,
    operState: 'DOWN',
    carrier: false,
    promiscuous: false,
    promiscuity: 0,
    kind: null,
    vlanId: null,
    macvlanMode: null,
    parent: null,
    alias: null,
    master: null,
    addresses: [],
  };
}
