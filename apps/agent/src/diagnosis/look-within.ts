import type { Kernel } from '../host/kernel.ts';
import type { Links } from '../host/links.ts';
import { within, type Timing } from '../lib/timing.ts';
import type { Observed } from '../observation/observed.ts';
import type { Observer } from '../observation/observer.ts';

/** What a look is taken with. */
export interface LookWithinDeps {
  readonly observer: Pick<Observer, 'look' | 'latest' | 'latestWithDocker'>;
  readonly links: Pick<Links, 'list'>;
  readonly kernel: Pick<Kernel, 'observe'>;
  readonly timing: Pick<Timing, 'delay' | 'now'>;
}

/** How long a diagnosis waits for Docker, in milliseconds: the whole of it takes less than 10 s. */
const dockerMs = 3000;
/** A Docker that needed less than this part of it before does not answer; another may just be slow. */
const usualPart = 1 / 4;

/**
 * A look at this host for a diagnosis. A Docker that hangs keeps a look for longer than a diagnosis may take: then it is one at all
 * but Docker, which says that Docker does not answer. Fails as `Observer.look` does.
 */
export async function lookWithin({ observer, links, kernel, timing }: LookWithinDeps): Promise<Observed> {
  const look = observer.look();
  const inTime = await within(look, dockerMs, timing);
  const before = observer.latest();
  if (inTime !== null || before === null) return inTime ?? (await look);
  // Nobody waits for it any more.
  look.catch(() => undefined);
  const at = timing.now();
  const [found, seen] = await Promise.all([links.list(), kernel.observe()]);
  const withDocker = observer.latestWithDocker()?.docker;
  const tookMs = withDocker?.reachable === true ? (withDocker.tookMs ?? 0) : dockerMs;
  const message = `Docker has not answered for ${dockerMs / 1000} s`;
  const isUsual = tookMs >= dockerMs * usualPart;
  return {
    ...before,
    at,
    links: found,
    kernel: seen,
    defaultRoute: seen.defaultRoutes[0] ?? null,
    docker: { reachable: false, message, ...(isUsual ? { pending: true } : {}) },
  };
}
