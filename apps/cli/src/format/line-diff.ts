/** One line of a difference: of both texts, of the old one alone, or of the new one alone. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** What makes `after` of `before`, line by line, by a longest common subsequence. */
export function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const same = (at: number, other: number): boolean => before[at] === after[other];
  let start = 0;
  while (start < Math.min(before.length, after.length) && same(start, start)) start += 1;
  let end = 0;
  while (
    end < Math.min(before.length, after.length) - start &&
    same(before.length - 1 - end, after.length - 1 - end)
  )
    end += 1;
  return [
    ...unchanged(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...unchanged(before.slice(before.length - end)),
  ];
}

/** A difference with so many lines around each change; `null` stands where lines were left out. */
export function withContext(lines: readonly DiffLine[], around: number): (DiffLine | null)[] {
  const changes = lines.flatMap(({ sign }, at) => (sign === ' ' ? [] : [at]));
  const isShown = (at: number): boolean => changes.some((change) => Math.abs(change - at) <= around);
  return lines.flatMap((line, at): (DiffLine | null)[] => {
    if (isShown(at)) return [line];
    return at > 0 && isShown(at - 1) && changes.some((change) => change > at) ? [null] : [];
  });
}

const unchanged = (texts: readonly string[]): DiffLine[] => texts.map((text) => ({ sign: ' ', text }));

function middle(before: readonly string[], after: readonly string[]): DiffLine[] {
  // lengths[i][j]: of the longest common subsequence of what begins at i and at j.
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  const lengthAt = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    const row = lengths[i];
    if (row === undefined) continue;
    for (let j = after.length - 1; j >= 0; j -= 1)
      row[j] =
        before[i] === after[j]
          ? lengthAt(i + 1, j + 1) + 1
          : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ sign: ' ', text: old });
      i += 1;
      j += 1;
    } else if (old !== undefined && (fresh === undefined || lengthAt(i + 1, j) >= lengthAt(i, j + 1))) {
      lines.push({ sign: '-', text: old });
      i += 1;
    } else if (fresh !== undefined) {
      lines.push({ sign: '+', text: fresh });
      j += 1;
    }
  }
  return lines;
}
