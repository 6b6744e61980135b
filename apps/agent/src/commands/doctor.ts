import type { KernelState } from '../host/kernel.ts';

/** One thing that was tried. */
export interface Finding {
  readonly what: string;
  /** `missing`: the agent cannot work. `lacking`: it works, and something is worse. */
  readonly state: 'ok' | 'lacking' | 'missing';
  /** What was found, and what to do where it is not well. */
  readonly detail: string;
}

/** What the doctor looks with. Each fails where there is no answer. */
export interface DoctorDeps {
  readonly docker: () => Promise<{ readonly version: string }>;
  /** The first line of what a program says of its version. */
  readonly versionOf: (program: string, flag: string) => Promise<string>;
  readonly kernel: () => Promise<KernelState>;
  /** Seconds that the clock of this machine is ahead of the server's; fails in one sentence where it is not reached. */
  readonly clockAheadOfServer: () => Promise<number>;
  /** Null where no server is named. */
  readonly server: string | null;
}

/** A signed request may be so old, or from so far in the future, in seconds. */
const maxSkewSeconds = 60;
const oldestDocker = [20, 10];

/** Looks at all of it at once; changes nothing, never fails. */
export async function examineHost(deps: DoctorDeps): Promise<readonly Finding[]> {
  const all = await Promise.all([
    examine('Docker', 'missing', 'start it, or name its socket in TRUNKLINE_DOCKER_SOCKET', async () => {
      const { version } = await deps.docker();
      return isAtLeast(version, oldestDocker)
        ? { state: 'ok', detail: version }
        : { state: 'missing', detail: `${version} is too old: 20.10 or later is needed` };
    }),
    tool('ip', '-V', 'missing', 'install iproute2', deps),
    tool(
      'nft',
      '--version',
      'lacking',
      'install nftables: addresses are not asked for on the wire without it',
      deps,
    ),
    tool('ping', '-V', 'lacking', 'install iputils-ping: checks and diagnosis need it', deps),
    ...modules(deps),
    ...serverAndClock(deps),
  ]);
  return all.flat();
}

type Seen = Pick<Finding, 'state' | 'detail'>;

async function examine(
  what: string,
  otherwise: Finding['state'],
  advice: string,
  look: () => Promise<Seen>,
): Promise<Finding> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    return { what, state: otherwise, detail: advice === '' ? why : `${why}: ${advice}` };
  }
}

const tool = (
  program: string,
  flag: string,
  otherwise: Finding['state'],
  advice: string,
  { versionOf }: DoctorDeps,
): Promise<Finding> =>
  examine(program, otherwise, advice, async () => ({ state: 'ok', detail: await versionOf(program, flag) }));

function modules({ kernel }: DoctorDeps): Promise<Finding>[] {
  const looked = kernel();
  return (
    [
      [
        'macvlan',
        'missing',
        'no macvlan network can be made: boot a kernel that has it (linux-modules-extra on Ubuntu)',
      ],
      ['8021q', 'lacking', 'networks with a VLAN cannot be made: boot a kernel that has it'],
    ] as const
  ).map(([name, otherwise, advice]) =>
    examine(`kernel module ${name}`, otherwise, advice, async () => {
      const state = (await looked).modules[name];
      return state === 'missing'
        ? { state: otherwise, detail: `the kernel has none: ${advice}` }
        : { state: 'ok', detail: state };
    }),
  );
}

function serverAndClock({ server, clockAheadOfServer }: DoctorDeps): Promise<Finding>[] {
  if (server === null)
    return [
      Promise.resolve({
        what: 'server',
        state: 'missing',
        detail: 'none is named: trunkline-agent join URL TOKEN',
      }),
    ];
  const asked = clockAheadOfServer();
  return [
    examine('server', 'missing', '', async () => {
      await asked;
      return { state: 'ok', detail: `${server} answers` };
    }),
    examine('clock', 'lacking', 'it is not known whether the clocks agree', async () => clockOf(await asked)),
  ];
}

function clockOf(ahead: number): Seen {
  const off = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} the server`;
  return Math.abs(ahead) < maxSkewSeconds
    ? { state: 'ok', detail: Math.abs(ahead) <= 1 ? 'as that of the server' : off }
    : { state: 'missing', detail: `${off}: set both by NTP, requests are refused otherwise` };
}

function isAtLeast(version: string, [major = 0, minor = 0]: readonly number[]): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  // One that says no number is a build of somebody's own.
  return a === undefined || Number(a) > major || (Number(a) === major && Number(b) >= minor);
}

/** One line for each, as a person reads it. Pure. */
export function findingLines(findings: readonly Finding[]): string {
  const wide = Math.max(...findings.map(({ what }) => what.length));
  return findings
    .map(({ what, state, detail }) => `${state.padEnd(7)}  ${what.padEnd(wide)}  ${detail}\n`)
    .join('');
}
