import type { ApiClient } from '@trunkline/client';
import { unlessMissing } from '../lib/unless-missing.ts';
import { containerStanding, networkStanding, type Standing } from '../kinds/standing.ts';
import { placementsOf } from '../kinds/placements.ts';
import { collect } from '../lib/collect.ts';
import { Failure } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

/** What can be waited for. */
export interface Awaited {
  readonly kind: 'network' | 'container';
  readonly name: string;
  readonly until: 'real' | 'gone';
}

const firstPauseMs = 250;
const longestPauseMs = 2000;

/**
 * Looks again and again until all of it is so, and shows on a terminal what is missing. Fails when the time is up, when only a host that
 * nobody hears of could make it so, or when only a person can change what is in the way.
 */
export async function waitUntil(
  io: Io,
  client: ApiClient,
  awaited: readonly Awaited[],
  seconds: number,
): Promise<void> {
  const deadline = io.now().getTime() + seconds * 1000;
  for (const one of awaited) {
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      const { state, says } = await look(client, one);
      if (state === 'real') break;
      io.progress(says);
      const left = deadline - io.now().getTime();
      if (state !== 'under way' || left <= 0) {
        io.endProgress();
        const why = state === 'under way' ? `after ${seconds} s` : inVain[state];
        throw new Failure('waited', `waited in vain, ${why}: ${says}`);
      }
      await io.sleep(Math.min(pause, left));
    }
  }
  io.endProgress();
}

const inVain = {
  stuck: 'nobody is there to make it so',
  blocked: 'only a person can change what is in the way',
} as const;

async function look(client: ApiClient, { kind, name, until }: Awaited): Promise<Standing> {
  if (until === 'gone') {
    const there = await unlessMissing<unknown>(
      kind === 'network' ? client.networks.get(name) : client.containers.get(name),
    );
    return {
      state: there === undefined ? 'real' : 'under way',
      says: `${kind} ${name} is still being removed`,
    };
  }
  if (kind === 'container') return containerStanding((await client.containers.get(name)).body);
  const [{ body }, placements] = await Promise.all([
    client.networks.get(name),
    collect(placementsOf(client, name)),
  ]);
  return networkStanding(body, placements);
}
