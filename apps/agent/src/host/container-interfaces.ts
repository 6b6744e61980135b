/**
 * Counts the interfaces in the network namespace of a process, lo left out, from `/proc/<pid>/net/dev` (proc_pid_net(5)):
 * one small file, where entering the namespace would cost a program. Null when the process is gone.
 */
export async function countInterfaces(
  pid: number,
  readFile: (path: string) => Promise<string>,
): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/net/dev`).catch(() => null);
  return text === null ? null : interfaceNames(text).filter((name) => !isKernelsOwn(name)).length;
}

/** Names of the interfaces that `/proc/net/dev` lists: two lines of heads, then `name: counters`. */
function interfaceNames(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => /^\s*([^\s:]+):/.exec(line)?.[1] ?? []);
}

/** The kernel's own in every namespace: lo, and the fallback devices of tunnel modules (net/ipv4/ip_tunnel.c). */
export function isKernelsOwn(name: string): boolean {
  return [
    'lo',
    'tunl0',
    'gre0',
    'gretap0',
    'erspan0',
    'sit0',
    'ip6tnl0',
    'ip6gre0',
    'ip_vti0',
    'ip6_vti0',
  ].includes(name);
}
