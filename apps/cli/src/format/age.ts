const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** How long ago an instant was, in its largest unit: `12s`, `5m`, `3h`, `40d`; a dash for none. */
export function age(instant: string | null | undefined, now: Date): string {
  if (instant === null || instant === undefined) return '-';
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(instant)) / 1000));
  const [unit, size] = units.find(([, length]) => seconds >= length) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}
