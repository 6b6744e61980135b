import { styleText } from 'node:util';

/** What a text is about, for terminals with colours. */
export type Tone = 'good' | 'bad' | 'doubt' | 'faint' | 'heading' | 'plain';

/** Colours a text, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string;

const styles = {
  good: 'green',
  bad: 'red',
  doubt: 'yellow',
  faint: 'dim',
  heading: 'bold',
} as const;

/** Never any colour. */
export const unpainted: Paint = (_tone, text) => text;

const painted: Paint = (tone, text) =>
  tone === 'plain' ? text : styleText(styles[tone], text, { validateStream: false });

/** What decides about colours: https://no-color.org, and terminals that have none. */
export interface Surface {
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours only on a terminal, and never with NO_COLOR. */
export function paintFor({ isTerminal, env }: Surface): Paint {
  const isUnwanted = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return isTerminal && !isUnwanted ? painted : unpainted;
}
