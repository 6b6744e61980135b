import { expect, test } from 'vitest';
import type { EventInput } from './changes.ts';

const subject = '/v1/hosts/docker01';

test('the server records no event, and no data of one, that is not in the table', () => {
  const events: EventInput[] = [
    { type: 'host.joined', subject },
    { type: 'host.updated', subject, data: { labels: {} } },
    // @ts-expect-error There is no such type.
    { type: 'host.renamed', subject },
    // @ts-expect-error It has data.
    { type: 'host.updated', subject },
    // @ts-expect-error It has other data.
    { type: 'host.updated', subject, data: { label: {} } },
    // @ts-expect-error It has no data.
    { type: 'host.joined', subject, data: { labels: {} } },
  ];
  expect(events).toHaveLength(6);
});
