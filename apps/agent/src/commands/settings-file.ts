/** A value that a settings file cannot hold. */
export class UnwritableSetting extends Error {
  override readonly name = 'UnwritableSetting';
}

/**
 * The text of a settings file with other values for some variables; null takes the value away. What else is in it stays as it is:
 * comments, order, other variables. A variable that is set more than once is set once, where it was last. Pure.
 */
export function withSettings(text: string, values: Readonly<Record<string, string | null>>): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const rest = new Map(Object.entries(values));
  const kept = lines
    .toReversed()
    .flatMap((line) => {
      const name = /^\s*([A-Za-z_]\w*)\s*=/.exec(line)?.[1] ?? '';
      if (!(name in values)) return [line];
      if (!rest.has(name)) return [];
      const value = rest.get(name) ?? null;
      rest.delete(name);
      return [`${name}=${value === null ? '' : written(name, value)}`];
    })
    .toReversed();
  for (const [name, value] of rest) if (value !== null) kept.push(`${name}=${written(name, value)}`);
  return kept.map((line) => `${line}\n`).join('');
}

/** As systemd.exec(5) and Node read it alike: as it is, where nothing in it means something else to either. */
function written(name: string, value: string): string {
  if (/^[\w@%+=:,./[\]~-]*$/.test(value)) return value;
  throw new UnwritableSetting(
    `${JSON.stringify(value)} cannot be written for ${name}: use letters, digits and @%+=:,./[]~_- alone`,
  );
}
