import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvalidInterfaceName } from './interface-name.ts';
import { LinkConflict, LinkNotFound } from './links.ts';
import type { Links } from './links.ts';

/** A namespace with lo and `ens33`: 1500 bytes, down, without alias or addresses. */
export interface LinksSubject {
  readonly links: Links;
  /** Makes a macvlan link on `ens33`, without an alias. */
  readonly addMacvlan: (name: string) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

const shim = { parent: 'ens33', name: 'tlh-ens33', mac: 'd6:54:00:00:00:01' };

/** What every `Links` promises, real kernel or fake. `noVlan` says why VLAN links cannot be tried, or null. */
export function describeLinksContract(
  name: string,
  create: () => Promise<LinksSubject>,
  noVlan: string | null,
): void {
  describe(`links contract: ${name}`, () => {
    let subject: LinksSubject;
    let links: Links;
    beforeEach(async () => {
      subject = await create();
      links = subject.links;
    });
    afterEach(async () => {
      await subject.dispose();
    });

    it('lists every link as it is', async () => {
      const all = await links.list();
      expect(all.map((link) => link.name)).toEqual(expect.arrayContaining(['lo', 'ens33']));
      expect(await links.get('ens33')).toMatchObject({
        mac: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
        mtu: 1500,
        up: false,
        carrier: false,
        promiscuous: false,
        promiscuity: 0,
        vlanId: null,
        parent: null,
        alias: null,
        master: null,
        addresses: [],
      });
    });

    it('sets a link up once, and finds it so the second time', async () => {
      expect(await links.setUp('ens33')).toBe(true);
      expect(await links.get('ens33')).toMatchObject({ up: true });
      await expect
        .poll(() => links.get('ens33'), { timeout: 5000 })
        .toMatchObject({ carrier: true, operState: 'UP' });
      expect(await links.setUp('ens33')).toBe(false);
    });

    it('sets a link down once, and finds it so the second time', async () => {
      expect(await links.setDown('ens33')).toBe(false);
      await links.setUp('ens33');
      expect(await links.setDown('ens33')).toBe(true);
      expect(await links.get('ens33')).toMatchObject({ up: false, carrier: false, operState: 'DOWN' });
      expect(await links.setDown('ens33')).toBe(false);
    });

    it('sets and clears the promiscuous flag without counting twice', async () => {
      expect(await links.setPromiscuous('ens33', false)).toBe(false);
      expect(await links.setPromiscuous('ens33', true)).toBe(true);
      expect(await links.setPromiscuous('ens33', true)).toBe(false);
      expect(await links.get('ens33')).toMatchObject({ promiscuous: true, promiscuity: 1 });
      expect(await links.setPromiscuous('ens33', false)).toBe(true);
      expect(await links.get('ens33')).toMatchObject({ promiscuous: false, promiscuity: 0 });
    });

    it('sets the MTU, and refuses what is none', async () => {
      expect(await links.setMtu('ens33', 1400)).toBe(true);
      expect(await links.setMtu('ens33', 1400)).toBe(false);
      expect(await links.get('ens33')).toMatchObject({ mtu: 1400 });
      await expect(links.setMtu('ens33', 67)).rejects.toThrow(RangeError);
    });

    it('marks a link with an alias and clears it', async () => {
      expect(await links.setAlias('ens33', 'trunkline:abc')).toBe(true);
      expect(await links.setAlias('ens33', 'trunkline:abc')).toBe(false);
      expect(await links.get('ens33')).toMatchObject({ alias: 'trunkline:abc' });
      expect(await links.setAlias('ens33', '')).toBe(true);
      expect(await links.get('ens33')).toMatchObject({ alias: null });
      await expect(links.setAlias('ens33', 'two\nlines')).rejects.toThrow(RangeError);
    });

    it('says which interfaces exist when the wanted one does not', async () => {
      const attempts = [
        () => links.get('ens34'),
        () => links.setUp('ens34'),
        () => links.setDown('ens34'),
        () => links.setPromiscuous('ens34', true),
        () => links.setAlias('ens34', 'x'),
        () => links.addVlan({ parent: 'ens34', name: 'ens34.10', vlan: 10 }),
        () => links.addShim({ ...shim, parent: 'ens34' }),
      ];
      for (const attempt of attempts) {
        const failure = await attempt().catch((error: unknown) => error);
        expect(failure).toBeInstanceOf(LinkNotFound);
        expect(failure).toMatchObject({ link: 'ens34', existing: ['ens33'] });
        expect(String(failure)).toContain('it has ens33');
      }
    });

    it('refuses what is no interface name before the kernel sees it', async () => {
      for (const bad of ['', '-x', 'a b', 'a/b', '..', 'eth%d', 'ens33;id', 'sixteen-bytes-xx']) {
        await expect(links.setUp(bad)).rejects.toThrow(InvalidInterfaceName);
        await expect(links.setDown(bad)).rejects.toThrow(InvalidInterfaceName);
        await expect(links.addVlan({ parent: 'ens33', name: bad, vlan: 10 })).rejects.toThrow(
          InvalidInterfaceName,
        );
        await expect(links.addShim({ ...shim, name: bad })).rejects.toThrow(InvalidInterfaceName);
      }
    });

    it('removes only a link that carries the expected alias, and is content when it is gone', async () => {
      await subject.addMacvlan('mv0');
      await expect(links.remove('mv0', 'trunkline:abc')).rejects.toThrow(LinkConflict);
      await links.setAlias('mv0', 'trunkline:other');
      await expect(links.remove('mv0', 'trunkline:abc')).rejects.toThrow(LinkConflict);
      expect(await links.get('mv0')).toMatchObject({ kind: 'macvlan', parent: 'ens33' });
      expect(await links.remove('mv0', 'trunkline:other')).toBe(true);
      await expect(links.get('mv0')).rejects.toThrow(LinkNotFound);
      expect(await links.remove('mv0', 'trunkline:other')).toBe(false);
      expect(await links.get('ens33')).toMatchObject({ name: 'ens33' });
    });

    it('makes a shim once, and finds it so the second time', async () => {
      expect(await links.addShim(shim)).toBe(true);
      expect(await links.get(shim.name)).toMatchObject({
        kind: 'macvlan',
        macvlanMode: 'bridge',
        parent: 'ens33',
        mac: shim.mac,
        mtu: 1500,
        up: false,
        alias: null,
        addresses: [],
      });
      expect(await links.addShim(shim)).toBe(false);
    });

    it('refuses a shim whose name belongs to something else, and leaves that alone', async () => {
      await subject.addMacvlan(shim.name);
      const before = await links.get(shim.name);
      await expect(links.addShim(shim)).rejects.toThrow(LinkConflict);
      expect(await links.get(shim.name)).toEqual(before);
    });

    it('refuses a name that belongs to something else, and what is no VLAN id', async () => {
      await subject.addMacvlan('ens33.10');
      const taken = links.addVlan({ parent: 'ens33', name: 'ens33.10', vlan: 10 });
      await expect(taken).rejects.toThrow(LinkConflict);
      for (const vlan of [0, 4095, 1.5]) {
        await expect(links.addVlan({ parent: 'ens33', name: 'v', vlan })).rejects.toThrow(RangeError);
      }
    });

    describe.skipIf(noVlan !== null)(`VLAN links${noVlan === null ? '' : ` (skipped: ${noVlan})`}`, () => {
      it('makes a VLAN link once, and finds it so the second time', async () => {
        const spec = { parent: 'ens33', name: 'ens33.10', vlan: 10 };
        expect(await links.addVlan(spec)).toBe(true);
        expect(await links.get('ens33.10')).toMatchObject({ kind: 'vlan', vlanId: 10, parent: 'ens33' });
        expect(await links.addVlan(spec)).toBe(false);
      });

      it('refuses a VLAN link with another tag', async () => {
        await links.addVlan({ parent: 'ens33', name: 'ens33.10', vlan: 20 });
        const wanted = links.addVlan({ parent: 'ens33', name: 'ens33.10', vlan: 10 });
        await expect(wanted).rejects.toThrow(LinkConflict);
        expect(await links.get('ens33.10')).toMatchObject({ vlanId: 20 });
      });
    });
  });
}
