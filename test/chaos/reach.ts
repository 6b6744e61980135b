import { setTimeout as delay } from 'node:timers/promises';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import { docker } from '../e2e/outside.ts';
import { run } from '@trunkline/lab/hosts/commands.ts';
import type { Lab } from '@trunkline/lab/hosts/lab.ts';
import type { KernelView } from './kernel-view.ts';
import type { Live, Violation } from './observation.ts';
import { secondNetwork } from './spare-links.ts';

/** How long a neighbour may take to be reached, in milliseconds: a stale ARP entry of another MAC must not live. */
const reachMs = 10_000;

async function answers(pid: number, ip: string): Promise<boolean> {
  const enter = ['nsenter', `--net=/proc/${String(pid)}/ns/net`, '--'];
  return (await run([...enter, 'ping', '-n', '-c', '1', '-W', '1', ip])).code === 0;
}

/** Whether it is pinged within the time; also when it is gone by then. */
async function isReached(view: KernelView, from: string, to: Live): Promise<boolean> {
  const end = performance.now() + patient(reachMs);
  while (performance.now() < end) {
    const pid = view.containers().find(({ container }) => container === from)?.pid;
    if (pid !== undefined && (await answers(pid, to.ip))) return true;
    const lives = view.live().some(({ container, ip }) => container === to.container && ip === to.ip);
    if (!lives || pid === undefined) return true;
    await delay(100);
  }
  return false;
}

/** Containers with an interface whose cable ends in their host: what they send to the network may go there. */
export async function apartFrom(lab: Pick<Lab, 'hosts'>): Promise<ReadonlySet<string>> {
  const format = '{{range $id, $_ := .Containers}}{{$id}} {{end}}';
  const listed = await Promise.all(
    lab.hosts.map(
      async (host) => await docker(host, 'network', 'inspect', '--format', format, secondNetwork),
    ),
  );
  return new Set(listed.flatMap((ids) => ids.split(' ')));
}

/**
 * Containers with a MAC that another one has as well: whom a switch delivers to is chance. That is a violation of its own
 * (`duplicate MAC`), but for those that were started while the server could not be asked.
 */
export async function twinsOf(lab: Pick<Lab, 'hosts'>): Promise<ReadonlySet<string>> {
  const format = '{{range .NetworkSettings.Networks}}{{.MacAddress}} {{end}}';
  const found = await Promise.all(
    lab.hosts.map(async (host) => {
      const ids = (await docker(host, 'ps', '-q', '--no-trunc')).split('\n').filter((id) => id !== '');
      if (ids.length === 0) return [];
      const shown = (await docker(host, 'container', 'inspect', '--format', format, ...ids)).split('\n');
      return ids.flatMap((id, index) =>
        (shown[index] ?? '')
          .split(' ')
          .filter((mac) => mac !== '')
          .map((mac) => ({ id, mac })),
      );
    }),
  );
  const groups = Map.groupBy(found.flat(), ({ mac }) => mac).values();
  return new Set(
    [...groups].filter((group) => group.length > 1).flatMap((group) => group.map(({ id }) => id)),
  );
}

/** Pings every container that lives from one of another host, where there is one; those that stand `apart` are left out. */
export async function unreached(
  view: KernelView,
  apart: ReadonlySet<string>,
  at: number,
): Promise<readonly Violation[]> {
  const all = view.live().filter(({ container }) => !apart.has(container));
  const found: Violation[] = [];
  for (const to of all) {
    const from = all.find(({ host }) => host !== to.host);
    if (from === undefined || (await isReached(view, from.container, to))) continue;
    found.push({
      kind: 'unreachable',
      at,
      ip: to.ip,
      hosts: [from.host, to.host],
      containers: [from.container, to.container],
      text: `${to.ip} on ${to.host} does not answer ${from.ip} on ${from.host}`,
    });
  }
  return found;
}
