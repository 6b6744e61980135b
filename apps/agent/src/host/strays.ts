import { basename, dirname, join } from 'node:path';
import { attempt, namespaceOf, processesIn, type SandboxFiles } from './sandbox-files.ts';

/** Containers as Docker knows them, by their ids. */
export interface KnownContainers {
  readonly live: ReadonlySet<string>;
  /** Those that do not live, or that Docker had once. */
  readonly others: ReadonlySet<string>;
}

/** Docker's id of a container: it is in the names of its cgroups (cgroups(7)), whatever manages them. */
const containerId = /[0-9a-f]{64}/g;
/** Where the containerd of the machine has its socket. Docker uses it where it runs, and else starts one of its own. */
const machinesContainerd = '/run/containerd';
/** Where containerd has the containers of Docker (dockerd(8), `--containerd-namespace`). */
const dockersNamespace = 'moby';

/**
 * The network namespaces of processes of containers that Docker does not know to be live, but for the network of the host. Such
 * a process is known by its cgroup, which has the id of its container: one of the `others`, or one that has a shim. So a container
 * that Docker lists no more is found as well, also by an agent that never heard of it. `execRoot`: Docker's. Reads every process.
 */
export function namespacesOfStrays(
  { live, others }: KnownContainers,
  execRoot: string,
  files: SandboxFiles,
): readonly number[] {
  const own = namespaceOf('self', files);
  const names = attempt(() => processesIn(files)) ?? [];
  const ids = new Set([...others, ...names.flatMap((name) => shimOf(name, execRoot, files) ?? [])]);
  return names.flatMap((name) => {
    const inode = namespaceOf(name, files);
    if (Number.isNaN(inode) || inode === own) return [];
    const cgroup = attempt(() => files.text(`/proc/${name}/cgroup`)) ?? '';
    return (cgroup.match(containerId) ?? []).some((id) => ids.has(id) && !live.has(id)) ? [inode] : [];
  });
}

/**
 * Id of the container that a process is the shim of, where that is one of this Docker: its containerd has the socket in the same
 * folder. A shim lives as long as the process of its container, whatever becomes of Docker and containerd. Other programs of the
 * machine (Kubernetes, another Docker) have their socket elsewhere, or another namespace.
 */
function shimOf(pid: string, execRoot: string, files: SandboxFiles): string | undefined {
  const argv = attempt(() => files.text(`/proc/${pid}/cmdline`).split('\0')) ?? [];
  if (!basename(argv[0] ?? '').startsWith('containerd-shim')) return undefined;
  const option = (name: string): string => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : '') ?? '';
  if (option('-namespace') !== dockersNamespace) return undefined;
  // As the shim sees it: it may be in another mount namespace than the agent.
  const its = attempt(() => files.stat(`/proc/${pid}/root${dirname(option('-address'))}`));
  const isOurs = [join(execRoot, 'containerd'), machinesContainerd].some((folder) => {
    const ours = attempt(() => files.stat(folder));
    return ours !== undefined && ours.dev === its?.dev && ours.ino === its.ino;
  });
  return isOurs ? option('-id') : undefined;
}
