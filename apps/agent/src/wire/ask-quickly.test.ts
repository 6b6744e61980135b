import { parseIp } from '@trunkline/netaddr';
import { expect, test } from 'vitest';
import { createManualTime } from '../lib/manual-time.fake.ts';
import { askQuickly, quickProbing } from './ask-quickly.ts';
import type { ProbeNamespace } from './probe-namespace.ts';

const link = { name: 'probe7', mac: 'd6:4c:00:00:00:01' };
const ip = '172.16.100.6';
const before = '02:42:8e:d9:d6:7f';

/** A neighbour table that has an answer to an earlier question; `station`: who answers from now on. */
function namespaceWith(station: string | null): ProbeNamespace {
  let lladdr = before;
  const ask: ProbeNamespace['ask'] = async (lines, question) => {
    if (lines.some((line) => line.startsWith('neigh replace'))) lladdr = station ?? 'ff:ff:ff:ff:ff:ff';
    return question === 'neigh show' ? [{ dst: ip, dev: link.name, lladdr }] : [];
  };
  return { ask, hearing: async () => new Set([link.name]) } as unknown as ProbeNamespace;
}

async function answerOf(station: string | null) {
  const time = createManualTime();
  const question = { link, ip: parseIp(ip), known: [] };
  const asked = askQuickly(
    namespaceWith(station),
    question,
    quickProbing,
    time,
    new AbortController().signal,
  );
  await time.advance(1000);
  return await asked;
}

test('what answered an earlier question answers no later one: its container may have ended since', async () => {
  expect(await answerOf(null)).toEqual({ answer: 'clear' });
});

test('whoever answers now has it, also with the MAC that answered before', async () => {
  expect(await answerOf(before)).toEqual({ answer: 'taken', mac: before });
  expect(await answerOf('02:00:00:00:00:09')).toEqual({ answer: 'taken', mac: '02:00:00:00:00:09' });
});
