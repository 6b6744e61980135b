import { yamlText } from '../format/data-text.ts';
import { diffLines, withContext } from '../format/line-diff.ts';
import type { Paint, Tone } from '../format/paint.ts';
import { plain } from '../format/plain.ts';
import type { Plan } from './plan.ts';

const around = 3;
const tones: Readonly<Record<' ' | '-' | '+', Tone>> = { ' ': 'plain', '-': 'bad', '+': 'good' };

/** What a plan would change, as lines of YAML with `-` and `+` in front; nothing where it changes nothing. */
export function differenceLines({ ref, action, before, after }: Plan, paint: Paint): string[] {
  if (action === 'none') return [];
  const lines = withContext(diffLines(linesOf(before), linesOf(after)), around);
  return [
    paint('heading', `${plain(ref)} ${action === 'create' ? 'is new' : 'differs'}:`),
    ...lines.map((line) => (line === null ? '   …' : paint(tones[line.sign], `${line.sign} ${line.text}`))),
  ];
}

const linesOf = (value: object | null): string[] =>
  value === null ? [] : yamlText(value).trimEnd().split('\n');
