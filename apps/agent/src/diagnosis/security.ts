import type { HostFinding } from '@trunkline/contracts';
import { shortMessageOf } from '@trunkline/log';
import type { Examiner } from './examiner.ts';
import type { Scene } from './scene.ts';

/** Denials older than this are none of this diagnosis, in milliseconds. */
const reachMs = 60 * 60_000;
/** Of the file that auditd writes, the end that is read, in bytes: an hour of a busy host. */
const auditBytes = 4 * 1024 * 1024;
const auditFolder = '/var/log/audit';

/** Denials of SELinux and AppArmor that concern containers. */
export const securityExaminer: Examiner = {
  area: 'security',
  begin: async (scene) => {
    const log = await readLogs(scene);
    if (log === null) return () => ({ findings: [], detail: 'neither SELinux nor AppArmor is on' });
    const findings = findingsOf(denialsIn(log.text, log.times));
    return () => ({ findings, detail: `the last hour of ${log.sources.join(' and ')}` });
  },
};

/** When a line was written. */
interface LogTimes {
  /** Milliseconds since 1970: what is older is left out. */
  readonly since: number;
  /** When the machine started, milliseconds since 1970, from which the kernel counts; null: not known. */
  readonly boot: number | null;
}

interface Logs {
  readonly text: string;
  readonly sources: readonly string[];
  readonly times: LogTimes;
}

/** Null where there is no log to read and nothing that could deny anything; throws where there may be something. */
async function readLogs(scene: Scene): Promise<Logs | null> {
  const { observed, readFile, signal } = scene;
  const audit = await readAudit(scene);
  const kernel = await readKernelLog(scene);
  signal.throwIfAborted();
  if ('failed' in kernel && audit === '') {
    if (!(await mayDeny(scene))) return null;
    throw new Error(`the log of the kernel cannot be read: ${kernel.failed}`);
  }
  const uptime = Number.parseFloat(await readFile('/proc/uptime').catch(() => ''));
  const boot = Number.isNaN(uptime) ? null : observed.at - uptime * 1000;
  return {
    text: [audit, 'failed' in kernel ? '' : kernel.text].join('\n'),
    sources: [
      ...('failed' in kernel ? [] : [kernel.source]),
      ...(audit === '' ? [] : [`${auditFolder}/audit.log`]),
    ],
    times: { since: observed.at - reachMs, boot },
  };
}

type Read = { readonly text: string; readonly source: string } | { readonly failed: string };

/** dmesg first: journalctl answers with nothing where no journal is written. */
async function readKernelLog({ run, signal }: Scene): Promise<Read> {
  const dmesg = await run('dmesg', [], { signal }).then(
    ({ stdout }): Read => ({ text: stdout, source: 'dmesg' }),
    (error: unknown): Read => ({ failed: shortMessageOf(error) }),
  );
  if (!('failed' in dmesg)) return dmesg;
  const argv = ['-k', '--since', '-1h', '--no-pager', '-o', 'short-iso'];
  const journal = await run('journalctl', argv, { signal }).then(
    ({ stdout, stderr }): Read => {
      // It ends well where there is no journal, or none for this user (journalctl(1)).
      const isNone = stdout.trim() === '' || /no journal files|not seeing messages/i.test(stderr);
      return isNone
        ? { failed: `journalctl -k: ${stderr.trim() || 'no answer'}` }
        : { text: stdout, source: 'journalctl -k' };
    },
    (error: unknown): Read => ({ failed: shortMessageOf(error) }),
  );
  return 'failed' in journal ? { failed: `${dmesg.failed}; ${journal.failed}` } : journal;
}

/** Where auditd runs, the kernel gives denials to it and writes none to its own log. Empty where there is no such file. */
async function readAudit({ run, readFolder, signal }: Scene): Promise<string> {
  if (!(await readFolder(auditFolder)).includes('audit.log')) return '';
  const argv = ['-c', String(auditBytes), `${auditFolder}/audit.log`];
  return await run('tail', argv, { signal }).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** Whether the kernel has SELinux or AppArmor on, or does not show whether it has (sysfs: both leave a mark there when they are on). */
async function mayDeny({ readFile, readFolder }: Scene): Promise<boolean> {
  const [folders, appArmor] = await Promise.all([
    readFolder('/sys/fs'),
    readFile('/sys/module/apparmor/parameters/enabled').catch(() => 'N'),
  ]);
  return folders.length === 0 || folders.includes('selinux') || appArmor.trim() === 'Y';
}

/** Something that was denied. */
interface Denial {
  readonly by: 'SELinux' | 'AppArmor';
  /** The profile or domain that it was denied to. */
  readonly who: string;
  readonly what: string;
  readonly line: string;
}

/** Names in a denial that concern us: programs, profiles and domains of Docker, of its parts, of containers and of the agent. */
const concerned =
  /docker|container|(?:^|[^a-z])(?:runc|crun|moby)(?:[^a-z]|$)|svirt_lxc|(?:^|[^a-z])spc_t(?:[^a-z]|$)|trunkline/i;

/** The denials of a log that concern containers, since a time; a line without a time counts. Pure. */
function denialsIn(text: string, times: LogTimes): readonly Denial[] {
  return text.split('\n').flatMap((line) => {
    const denial = denialOf(line);
    if (denial === null) return [];
    const at = timeOf(line, times);
    return at !== null && at < times.since ? [] : [denial];
  });
}

function denialOf(line: string): Denial | null {
  const field = (name: string): string =>
    new RegExp(`\\b${name}=(?:"([^"]*)"|(\\S+))`)
      .exec(line)
      ?.slice(1)
      .find((one) => one !== undefined) ?? '';
  const names = ['comm', 'exe', 'profile', 'scontext', 'tcontext'].map(field);
  if (!names.some((name) => concerned.test(name))) return null;
  if (/\bapparmor="DENIED"/.test(line)) {
    const what = field('operation');
    // Programs that list processes are denied this in every container (docker-default), and do without.
    if (what === 'ptrace') return null;
    return { by: 'AppArmor', who: field('profile') || field('comm'), what, line: line.trim() };
  }
  const denied = /\bavc:\s+denied\s+\{([^}]*)\}/.exec(line)?.[1];
  // In permissive mode it is written down and allowed.
  if (denied === undefined || field('permissive') === '1') return null;
  // user:role:type:level
  const who = field('scontext').split(':')[2] ?? field('comm');
  return { by: 'SELinux', who, what: `${denied.trim()} on ${field('tclass') || '?'}`, line: line.trim() };
}

/** By the time that audit writes, else by that of the kernel, in seconds since it started. */
function timeOf(line: string, { boot }: LogTimes): number | null {
  const audit = /\baudit\((\d+\.\d+):\d+\)/.exec(line)?.[1];
  if (audit !== undefined) return Number(audit) * 1000;
  const kernel = /^\[\s*(\d+\.\d+)\]/.exec(line)?.[1];
  return kernel === undefined || boot === null ? null : boot + Number(kernel) * 1000;
}

/** Lines that are shown of one who was denied something, the last ones. */
const maxLines = 8;

/** One finding for each who was denied something. Pure. */
function findingsOf(denials: readonly Denial[]): HostFinding[] {
  const byWho = Map.groupBy(denials, ({ by, who }) => `${by} ${who}`);
  return [...byWho.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { by, who } = first;
    const subject = by === 'AppArmor' ? `AppArmor profile ${who}` : `SELinux domain ${who}`;
    const what = [...new Set(group.map((one) => one.what))].slice(0, 5).join(', ');
    return [
      {
        code: 'access-denied',
        subject,
        message: `${by} denied ${what} to ${who}, ${group.length === 1 ? 'once' : `${group.length} times`} in the last hour`,
        evidence: group.slice(-maxLines).map(({ line }) => line),
        remedy:
          by === 'AppArmor'
            ? `allow it in the profile ${who}, or run the container with another one (--security-opt apparmor=…)`
            : 'look at the line with audit2why, and allow it in the policy or set the label that it expects',
      },
    ];
  });
}
