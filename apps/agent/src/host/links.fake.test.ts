import { expect, it } from 'vitest';
import { createFakeLinks } from './links.fake.ts';
import { describeLinksContract } from './links.contract.ts';

describeLinksContract(
  'fake',
  async () => {
    const links = createFakeLinks([{ name: 'ens33' }]);
    return {
      links,
      addMacvlan: async (name) =>
        links.put({ name, kind: 'macvlan', parent: 'ens33', macvlanMode: 'bridge' }),
      dispose: async () => {},
    };
  },
  null,
);

it('records only what would have changed the kernel, and fails as set', async () => {
  const links = createFakeLinks([{ name: 'ens33' }]);
  await links.setPromiscuous('ens33', false);
  expect(links.calls).toEqual([]);
  links.failNext('setUp', new Error('no'));
  await expect(links.setUp('ens33')).rejects.toThrow('no');
  expect(await links.get('ens33')).toMatchObject({ up: false });
  expect(await links.setUp('ens33')).toBe(true);
  expect(links.calls).toEqual([
    { method: 'setUp', args: ['ens33'] },
    { method: 'setUp', args: ['ens33'] },
  ]);
});
