import { jsonText, yamlText } from './data-text.ts';

/** Ways to show items; the first is the default. */
export const outputs = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Output = (typeof outputs)[number];

/** Items as JSON: one alone is an object, a list is an array. YAML: one document each. */
export function dataText(items: readonly object[], output: 'json' | 'yaml', isOne: boolean): string {
  if (output === 'json') return jsonText(isOne ? items[0] : items);
  return items.map(yamlText).join('---\n');
}
