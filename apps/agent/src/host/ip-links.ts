import type { RunCommand } from './command.ts';
import { assertInterfaceName } from './interface-name.ts';
import { parseLinks } from './ip-json.ts';
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

/** The output of `ip -json -details address show` at the moment of the call; fails with `CommandFailed`. */
export type ShowAddresses = () => Promise<string>;

/**
 * The links of the network namespace that `run` runs in, over iproute2. It remembers nothing: each call looks before it
 * changes something, and looks again when a change failed, since another may have done it meanwhile.
 */
export function createLinks(run: RunCommand, show: ShowAddresses = showOnce(run)): Links {
  const list = async (): Promise<readonly Link[]> => parseLinks(await show());

  const find = async (name: string): Promise<Link | undefined> => {
    assertInterfaceName(name);
    return (await list()).find((link) => link.name === name);
  };

  const get = async (name: string): Promise<Link> => {
    assertInterfaceName(name);
    const all = await list();
    const link = all.find((candidate) => candidate.name === name);
    if (link === undefined) {
      throw new LinkNotFound(
        name,
        all.map((candidate) => candidate.name),
      );
    }
    return link;
  };

  const ensure = async (
    name: string,
    isSo: (link: Link) => boolean,
    wanted: readonly string[],
  ): Promise<boolean> => {
    if (isSo(await get(name))) return false;
    try {
      await run('ip', ['link', 'set', 'dev', name, ...wanted]);
    } catch (error) {
      if (!isSo(await get(name))) throw error;
    }
    return true;
  };

  return {
    list,
    get,
    setUp: (name) => ensure(name, (link) => link.up, ['up']),
    setDown: (name) => ensure(name, (link) => !link.up, ['down']),
    setPromiscuous: (name, on) =>
      ensure(name, (link) => link.promiscuous === on, ['promisc', on ? 'on' : 'off']),
    setMtu: async (name, mtu) => {
      assertMtu(mtu);
      return ensure(name, (link) => link.mtu === mtu, ['mtu', String(mtu)]);
    },
    setAlias: async (name, alias) => {
      assertAlias(alias);
      return ensure(name, (link) => (link.alias ?? '') === alias, ['alias', alias]);
    },
    addVlan: async (spec) => {
      assertVlanId(spec.vlan);
      await get(spec.parent);
      const before = await find(spec.name);
      if (before !== undefined) return refuseUnless(conflictOfVlan(before, spec), spec.name);
      try {
        const type = ['type', 'vlan', 'id', String(spec.vlan)];
        await run('ip', ['link', 'add', 'link', spec.parent, 'name', spec.name, ...type]);
      } catch (error) {
        await get(spec.parent);
        const now = await find(spec.name);
        if (now === undefined) throw error;
        return refuseUnless(conflictOfVlan(now, spec), spec.name);
      }
      return true;
    },
    addShim: async (spec) => {
      const { name, parent, mac } = spec;
      await get(parent);
      const before = await find(name);
      if (before !== undefined) refuseUnless(conflictOfShim(before, spec), name);
      else {
        try {
          const type = ['type', 'macvlan', 'mode', 'bridge'];
          await run('ip', ['link', 'add', 'link', parent, 'name', name, 'address', mac, ...type]);
        } catch (error) {
          await get(parent);
          const now = await find(name);
          if (now === undefined) throw error;
          refuseUnless(conflictOfShim(now, spec), name);
        }
      }
      // Also where it was there: an agent that was killed may have made it and come no further.
      await run('ip', ['link', 'set', 'dev', name, 'arp', 'off']);
      return before === undefined;
    },
    remove: async (name, expectedAlias) => {
      const link = await find(name);
      if (link === undefined) return false;
      if (link.alias !== expectedAlias) {
        throw new LinkConflict(name, `its alias is ${link.alias ?? 'empty'}, not ${expectedAlias}`);
      }
      try {
        await run('ip', ['link', 'delete', 'dev', name]);
      } catch (error) {
        if ((await find(name)) !== undefined) throw error;
      }
      return true;
    },
  };
}

/** Starts an `ip` for each look. */
export function showOnce(run: RunCommand): ShowAddresses {
  return async () => (await run('ip', ['-json', '-details', 'address', 'show'])).stdout;
}

/** `false` (nothing to change) for a link that fits; a conflict otherwise. */
function refuseUnless(conflict: string | null, name: string): false {
  if (conflict !== null) throw new LinkConflict(name, conflict);
  return false;
}
