import { networkSettings, setting, type DesiredNetwork } from '@trunkline/contracts';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { patchedValues, wholeValues } from '../../../platform/settings.ts';
import { fieldDifference, networkDifference } from './network-difference.ts';
import { networkFields, replacingFields, type FieldsOf, type NetworkSpec } from './network-fields.ts';
import { wholeSpec } from './network-spec.ts';

/** A network with one field more. */
type Wider = NetworkSpec & { jumbo: boolean };
type WiderDocument = DesiredNetwork & { jumbo: boolean };

const jumbo = { column: 'jumbo', document: 'column', replaces: 'onEveryHost' } as const;
const wider = { ...networkFields, jumbo } satisfies FieldsOf<Wider, WiderDocument>;

test('a field without an entry, or with one that says less than agents are given, does not compile', () => {
  // @ts-expect-error the entry of `jumbo` is missing
  const missing = networkFields satisfies FieldsOf<Wider, WiderDocument>;
  const silent = {
    ...networkFields,
    // @ts-expect-error agents' document has it, and the entry says that it has not
    jumbo: { ...jumbo, document: 'none' },
  } satisfies FieldsOf<Wider, WiderDocument>;
  const unheard = {
    ...networkFields,
    // @ts-expect-error the entry says that agents are given it, and their document has no such field
    jumbo,
  } satisfies FieldsOf<Wider, DesiredNetwork>;
  expect([missing, silent, unheard]).toHaveLength(3);
});

test('a field that is added is in whole requests, merge patches and differences', () => {
  const settings = {
    ...networkSettings,
    jumbo: setting(Type.Boolean({ description: 'Long frames.', examples: [true] }), false),
  };
  const input = { name: 'lan', subnets: [{ cidr: '10.1.0.0/24' }] };
  const { subnets } = wholeSpec(input);
  const whole = { ...wholeValues(settings, input), subnets };
  expect(whole.jumbo).toBe(false);
  expect(wholeValues(settings, { ...input, jumbo: true }).jumbo).toBe(true);
  const patched = patchedValues(settings, whole, { jumbo: true });
  expect(patched).toEqual({ ...whole, jumbo: true });
  expect(patchedValues(settings, patched, { vlan: 7 }).jumbo).toBe(true);
  expect(fieldDifference<Wider>(wider, whole, patched)).toEqual({ fields: ['jumbo'], replaces: true });
});

test('every field is compared, and those that Docker cannot change are named', () => {
  const spec = wholeSpec({ name: 'lan', subnets: [{ cidr: '10.1.0.0/24' }] });
  for (const field of Object.keys(networkFields))
    expect(
      networkDifference(spec, {
        ...spec,
        [field]: 'other' as never,
        subnets: field === 'subnets' ? [] : spec.subnets,
      }).fields,
    ).toEqual([field]);
  expect(replacingFields).toEqual(['parent', 'parents', 'vlan', 'mode', 'internal', 'subnets']);
});
