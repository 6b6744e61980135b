import type { NamedOne } from './names-plan.ts';

/** A container on a network, as an agent knows it. */
export function named(name: string, change: Partial<NamedOne> = {}): NamedOne {
  return {
    host: 'docker02',
    isOwn: false,
    name,
    aliases: [],
    ipv4: '172.16.100.20',
    ipv6: null,
    since: 1000,
    ...change,
  };
}
