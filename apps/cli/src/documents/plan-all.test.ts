import { expect, test } from 'vitest';
import { parseDocuments } from './parse-documents.ts';
import { inOrder } from './plan-all.ts';

test('what others need is made first, else the order is that of the file', () => {
  const documents = parseDocuments(
    `
[
  {kind: container, name: sidecar, networkMode: "container:box"},
  {kind: container, name: box},
  {kind: address, owner: a},
  {kind: network, name: two},
  {kind: network, name: one},
  {kind: host, name: docker01},
]
`,
    'x',
  );
  expect(
    inOrder(documents).map(({ kind, fields }) => `${kind}/${String(fields['name'] ?? fields['owner'])}`),
  ).toEqual([
    'host/docker01',
    'network/two',
    'network/one',
    'address/a',
    'container/box',
    'container/sidecar',
  ]);
});
