import { expect, test } from 'vitest';
import type { AddressProbe, Ask } from '../../wire/address-probe.ts';
import { createNetworkWire } from './network-wire.ts';

function wireOf(ask: Ask, link: string | null = 'ens33') {
  const letGo: string[] = [];
  const probe: AddressProbe = {
    probe: ask,
    ask,
    recheck: ask,
    letGo: (name) => void letGo.push(name),
  };
  const wire = createNetworkWire({
    probe,
    linkOf: () => link,
    isPassthru: (networkId) => networkId === 'pt',
  });
  return { ...wire, letGo };
}

test('the MAC of whoever has an address, and nobody where it is silent', async () => {
  const wire = wireOf(async ({ ip }) =>
    ip === '172.16.100.17' ? { answer: 'taken', mac: '02:00:00:aa:00:01' } : { answer: 'clear' },
  );
  expect(await wire.holderOf({ networkId: 'n1', ip: '172.16.100.17' })).toBe('02:00:00:aa:00:01');
  expect(await wire.holderOf({ networkId: 'n1', ip: '172.16.100.18' })).toBeNull();
  expect([...wire.blind()]).toEqual([]);
});

test.each([
  ['a passthru network', 'pt', 'ens33', /only have its one container/],
  ['an interface that is not known', 'n1', null, /not known yet/],
  ['a probe that fails', 'n1', 'ens33', /no nft/],
])('%s: nobody is heard, and why is known until it can be asked again', async (_, networkId, link, why) => {
  let fails = true;
  const ask: Ask = async () => {
    if (fails) throw new Error('no nft');
    return { answer: 'clear' };
  };
  const wire = wireOf(ask, link);
  expect(await wire.holderOf({ networkId, ip: '172.16.100.17' })).toBeNull();
  expect(wire.blind().get(networkId)).toMatch(why);
  expect(wire.letGo).toEqual(networkId === 'pt' ? ['ens33'] : []);
  fails = false;
  await wire.holderOf({ networkId: 'other', ip: '172.16.100.17' });
  expect(wire.blind().get(networkId)).toMatch(why);
});
