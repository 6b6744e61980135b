/** A systemd unit as systemd.syntax(7) has it: section, key, values in order. An empty value forgets those before it. */
export type UnitFile = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Reads a unit without continued lines; throws for a line that is none of its syntax. */
export function parseUnit(text: string): UnitFile {
  const sections = new Map<string, Map<string, string[]>>();
  let current: Map<string, string[]> | undefined;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const section = /^\[([A-Za-z]+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      current = sections.get(section) ?? new Map<string, string[]>();
      sections.set(section, current);
      continue;
    }
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined || current === undefined || line.endsWith('\\')) {
      throw new Error(`not a line of a unit: ${line}`);
    }
    current.set(key, value === '' ? [] : [...(current.get(key) ?? []), value]);
  }
  return sections;
}

/** The words of a key that lists units or the like; none where it is not set. */
export function wordsOf(unit: UnitFile, section: string, key: string): readonly string[] {
  return (unit.get(section)?.get(key) ?? []).flatMap((value) => value.split(/\s+/));
}

/** The value of a key that is set once; undefined where it is not, an error where it is set twice. */
export function valueOf(unit: UnitFile, section: string, key: string): string | undefined {
  const values = unit.get(section)?.get(key) ?? [];
  if (values.length > 1) throw new Error(`${key} is set ${String(values.length)} times`);
  return values[0];
}
