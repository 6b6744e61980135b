import type { Condition, ConditionType, PlacementReport, Reason } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { id } from '../reconcile/subjects.fixture.ts';
import { isInPlace } from './placement-evidence.ts';

const condition = (text: string): Condition => {
  const [type = '', status = '', reason = 'Ready'] = text.split(' ');
  return {
    type: type as ConditionType,
    status: status as Condition['status'],
    reason: reason as Reason,
    message: '',
    observedGeneration: 1,
    lastTransitionTime: '2026-11-24T09:30:00.000Z',
  } as Condition;
};
const placement = (conditions: readonly string[], removed = false): PlacementReport => ({
  networkId: id(1),
  generation: 1,
  removed,
  dockerNetworkId: 'd',
  link: 'ens33',
  lastAction: null,
  conditions: conditions.map(condition),
});
const whole = ['ParentReady True', 'Promiscuous True', 'NetworkReady True', 'Ready True'];

test.each([
  ['untagged', whole],
  ['with a VLAN', [...whole, 'LinkReady True']],
  ['without carrier, which is no doing of ours', [...whole.slice(1), 'ParentReady False ParentNoCarrier']],
  ['with an MTU that the parent cannot have', [...whole.slice(0, 3), 'MtuReady False', 'Ready False']],
])('a network is in place %s', (_, conditions) => {
  expect(isInPlace(placement(conditions))).toBe(true);
});

test.each([
  ['without its Docker network', ['ParentReady True', 'NetworkReady False']],
  ['while Docker does not answer', ['ParentReady True', 'NetworkReady Unknown']],
  ['with nothing said', []],
  ['with its parent down', ['ParentReady False ParentDown', 'NetworkReady True']],
  ['with its sub-interface down', [...whole, 'LinkReady False']],
  ['before it is promiscuous', ['ParentReady True', 'Promiscuous False', 'NetworkReady True']],
  ['with containers yet to be connected again', [...whole, 'ContainersAttached False']],
])('a network is not in place %s', (_, conditions) => {
  expect(isInPlace(placement(conditions))).toBe(false);
});

test('a network that was removed is not in place', () => {
  expect(isInPlace(placement(whole, true))).toBe(false);
});
