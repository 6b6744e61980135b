import { shortMessageOf } from '@trunkline/log';
import { CommandFailed, type RunCommand } from '../../host/command.ts';
import type { DropPoint } from './drop-point.ts';
import { ebtablesDropPoints, ebtablesTables } from './ebtables-rules.ts';
import { parseSaved, savedDropPoints } from './iptables-rules.ts';
import { dropPoints, parseRuleset, tablesOfIptables, type NftRuleset } from './nft-rules.ts';
import { parseNftTexts } from './nft-texts.ts';
import type { Packets } from './packets.ts';
import type { Room } from './room.ts';
import {
  directionsOf,
  filterDropPoints,
  filterNames,
  parseQdiscs,
  qdiscDropPoint,
  type Qdisc,
  type TcDirection,
} from './tc-filters.ts';

/** What a look at one network namespace needs of the host. */
export interface LookDeps {
  readonly readFile: (path: string) => Promise<string>;
  readonly signal: AbortSignal;
}

/** What one look at a network namespace had. */
export interface RoomLook {
  /** What may take packets away, given what packets there are. */
  readonly points: (packets: Packets) => readonly DropPoint[];
  /** How many rules and filters there were. */
  readonly count: number;
  /** What could not be looked at, and why. */
  readonly failures: readonly string[];
}

type Points = (packets: Packets) => readonly DropPoint[];
interface Part {
  readonly points: Points;
  readonly count: number;
}
const nothing: Part = { points: () => [], count: 0 };

/** Reads every filter of a network namespace with its counters. It changes none, and loads no module. */
export async function lookAtRoom(room: Room, deps: LookDeps): Promise<RoomLook> {
  const failures: string[] = [];
  const attempt = async (part: Promise<Part>): Promise<Part> => {
    try {
      return await part;
    } catch (error) {
      deps.signal.throwIfAborted();
      failures.push(`${shortMessageOf(error)}${room.words}`);
      return nothing;
    }
  };
  const parts = await Promise.all(
    [
      lookAtNft(room, deps),
      lookAtLegacy(room, 4, deps),
      lookAtLegacy(room, 6, deps),
      lookAtTc(room, deps),
      lookAtEbtables(room, deps),
    ].map(attempt),
  );
  return {
    points: (packets) => parts.flatMap(({ points }) => points(packets)),
    count: parts.reduce((sum, { count }) => sum + count, 0),
    failures,
  };
}

/** Runs a program that need not be there; null: it is not installed. */
async function optional(
  run: RunCommand,
  file: string,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  try {
    return (await run(file, argv, { signal })).stdout;
  } catch (error) {
    if (error instanceof CommandFailed && isMissing(error)) return null;
    throw error;
  }
}

/** Also of a program that nsenter(1) was to run: exit code 127 (execvp). */
const isMissing = ({ kind, code }: CommandFailed): boolean => kind === 'spawn' || code === 127;

async function lookAtNft(room: Room, { signal }: LookDeps): Promise<Part> {
  const { stdout } = await room.run('nft', ['-j', '-t', 'list', 'ruleset'], { signal });
  const ruleset = parseRuleset(stdout);
  if (ruleset.chains.every(({ hook }) => hook === null)) return nothing;
  const [written, saved] = await Promise.all([
    room.run('nft', ['-a', '-t', 'list', 'ruleset'], { signal }),
    room.has.iptables ? lookAtIptablesNft(room, ruleset, signal) : { ...nothing, ignored: new Set<string>() },
  ]);
  const texts = parseNftTexts(written.stdout);
  const { interfaces, passage, prefix } = room;
  return {
    points: (packets) => [
      ...dropPoints(ruleset, {
        packets: { ...packets, interfaces },
        passage,
        ignored: saved.ignored,
        prefix,
        texts,
      }),
      ...saved.points(packets),
    ],
    count: [...ruleset.rules.values()].reduce((sum, rules) => sum + rules.length, 0),
  };
}

/** iptables has the counters of policies, and its own words for its rules; nft has neither. */
async function lookAtIptablesNft(
  room: Room,
  ruleset: NftRuleset,
  signal: AbortSignal,
): Promise<Part & { readonly ignored: ReadonlySet<string> }> {
  const families = new Set(tablesOfIptables(ruleset).map(({ family }) => family));
  const read = await Promise.all(
    [...families].map(async (family) => {
      const program = family === 'ip' ? 'iptables-nft' : 'ip6tables-nft';
      // Fails for tables that nft changed since: then they are read as those of nft.
      const stdout = await optional(room.run, `${program}-save`, ['-c'], signal).catch((error: unknown) => {
        if (error instanceof CommandFailed && error.kind === 'exit') return null;
        throw error;
      });
      return { family, program, tables: parseSaved(stdout ?? '') };
    }),
  );
  return {
    count: 0,
    ignored: new Set(read.flatMap(({ family, tables }) => tables.map(({ name }) => `${family} ${name}`))),
    points: (packets) =>
      read.flatMap(({ family, program, tables }) =>
        savedDropPoints(tables, {
          packets: { ...packets, interfaces: room.interfaces },
          passage: (hook) => room.passage(family, hook),
          family: family === 'ip' ? 4 : 6,
          program: `${room.prefix}${program}`,
        }),
      ),
  };
}

async function lookAtLegacy(room: Room, family: 4 | 6, { readFile, signal }: LookDeps): Promise<Part> {
  const names = `${room.procNet}/${family === 4 ? 'ip' : 'ip6'}_tables_names`;
  // To list a table that is not there would make it; the kernel says which are.
  if (!room.has.iptables || (await readFile(names).catch(() => '')).trim() === '') return nothing;
  const plain = family === 4 ? 'iptables' : 'ip6tables';
  const legacy = await optional(room.run, `${plain}-legacy-save`, ['-c'], signal);
  const stdout = legacy ?? (await optional(room.run, `${plain}-save`, ['-c'], signal));
  if (stdout === null) throw new Error(`there are rules of ${plain}, and no ${plain}-save to read them with`);
  const tables = parseSaved(stdout);
  const program = `${room.prefix}${legacy === null ? plain : `${plain}-legacy`}`;
  return {
    points: (packets) =>
      savedDropPoints(tables, {
        packets: { ...packets, interfaces: room.interfaces },
        passage: (hook) => room.passage(family === 4 ? 'ip' : 'ip6', hook),
        family,
        program,
      }),
    count: tables.reduce((sum, { rules }) => sum + rules.length, 0),
  };
}

async function lookAtTc(room: Room, { signal }: LookDeps): Promise<Part> {
  // Where it is not installed, nobody used it.
  const stdout = await optional(room.run, 'tc', ['-s', '-j', 'qdisc', 'show'], signal);
  const isOurs = ({ device }: Qdisc): boolean =>
    room.interfaces === null ? device !== 'lo' : room.interfaces.has(device);
  // What those below drop, the root counts as well.
  const qdiscs = parseQdiscs(stdout ?? '')
    .filter(isOurs)
    .filter(({ kind, isRoot }) => isRoot || directionsOf(kind).length > 0);
  const seen = await Promise.all(qdiscs.map(async (qdisc) => await lookAtFilters(qdisc, room, signal)));
  return {
    points: (packets) => seen.flatMap(({ points }) => points(packets)),
    count: seen.reduce((sum, { count }) => sum + count, 0),
  };
}

async function lookAtFilters(qdisc: Qdisc, room: Room, signal: AbortSignal): Promise<Part> {
  const { device } = qdisc;
  const show = async (
    direction: TcDirection,
  ): Promise<{ readonly direction: TcDirection; readonly stdout: string }> => {
    const argv = ['-s', '-j', 'filter', 'show', 'dev', device, direction];
    return { direction, stdout: (await room.run('tc', argv, { signal })).stdout };
  };
  const shown = await Promise.all(directionsOf(qdisc.kind).map(show));
  const names = shown.flatMap(({ direction, stdout }) => filterNames(stdout, direction));
  const { prefix } = room;
  return {
    points: (packets) => [
      ...shown.flatMap(({ direction, stdout }) =>
        filterDropPoints(stdout, { device, direction, packets, prefix }),
      ),
      qdiscDropPoint(qdisc, names, prefix),
    ],
    count: names.length,
  };
}

async function lookAtEbtables(room: Room, { readFile, signal }: LookDeps): Promise<Part> {
  if (!room.has.ebtables) return nothing;
  const modules = await readFile('/proc/modules').catch(() => '');
  // To list a table would load its module.
  const loaded = ebtablesTables.filter((table) => modules.includes(`ebtable_${table} `));
  const shown = await Promise.all(
    loaded.map(async (table) => ({
      table,
      stdout: (await optional(room.run, 'ebtables-legacy', ['-t', table, '-L', '--Lc'], signal)) ?? '',
    })),
  );
  return {
    points: (packets) =>
      shown.flatMap(({ table, stdout }) =>
        ebtablesDropPoints(stdout, table, { ...packets, interfaces: room.interfaces }),
      ),
    count: shown.reduce((sum, { stdout }) => sum + (stdout.match(/, pcnt = /g)?.length ?? 0), 0),
  };
}
