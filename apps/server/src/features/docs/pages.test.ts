import {
  conditionTable,
  describeEventData,
  diagnosisTable,
  errorTable,
  eventTable,
} from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { conditionsPage, diagnosisPage, errorsPage, eventsPage } from './pages.ts';
import { inHtml } from './table-page.ts';

test('every error code, condition, reason, event and finding has a row that can be linked to', () => {
  const errors = errorsPage();
  const conditions = conditionsPage();
  const events = eventsPage();
  const findings = diagnosisPage();
  const missing = [
    ...Object.keys(errorTable).filter((code) => !errors.includes(`<tr id="${code}">`)),
    ...Object.entries(conditionTable).flatMap(([type, { reasons }]) =>
      [type, ...Object.keys(reasons).map((reason) => `${type}.${reason}`)].filter(
        (id) => !conditions.includes(`<tr id="${id}">`),
      ),
    ),
    ...Object.keys(eventTable).filter((type) => !events.includes(`<tr id="${type}">`)),
    ...Object.keys(diagnosisTable).filter((code) => !findings.includes(`<tr id="${code}">`)),
  ];
  expect(missing).toEqual([]);
});

test('a reason is shown with its meaning and what to do', () => {
  const { means, remedy } = conditionTable.AddressPool.reasons.PoolLow;
  expect(conditionsPage()).toContain(`<td>${inHtml(means)}</td><td>${inHtml(remedy)}</td>`);
});

test('the fields of the data of an event are shown with what they mean', () => {
  const [from] = describeEventData('container.moved');
  expect(eventsPage()).toContain(`<code>from</code>: ${from?.description}`);
});

test('what a text has in angle brackets is shown and is no HTML', () => {
  expect(inHtml('remove it (`docker network rm <id>`)')).toBe(
    'remove it (<code>docker network rm &lt;id&gt;</code>)',
  );
});
