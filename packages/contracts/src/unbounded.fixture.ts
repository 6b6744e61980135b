interface Node {
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  maxLength?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  maxProperties?: number;
  additionalProperties?: unknown;
  patternProperties?: Readonly<Record<string, unknown>>;
}

/** Formats that are of a fixed length. */
const fixedFormats = ['uuid'];

/** A regular expression that fits texts up to some length only. */
function isBounded(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  return /^\^.*\$$/.test(bare) && !/[*+]|\{\d+,\}/.test(bare);
}

const has = ({ type }: Node, ...names: string[]): boolean =>
  names.some((name) => type === name || (Array.isArray(type) && type.includes(name)));

function* faults(node: Node): Generator<string> {
  if (node.enum !== undefined || node.const !== undefined) return;
  const { pattern, format = '' } = node;
  const isFixed = fixedFormats.includes(format) || (pattern !== undefined && isBounded(pattern));
  if (has(node, 'string') && node.maxLength === undefined && !isFixed) yield 'text without maxLength';
  if (has(node, 'array') && node.maxItems === undefined) yield 'array without maxItems';
  if (has(node, 'integer', 'number') && (node.minimum === undefined || node.maximum === undefined))
    yield 'number without minimum and maximum';
  const isFree =
    node.patternProperties !== undefined ||
    (typeof node.additionalProperties === 'object' && node.additionalProperties !== null);
  if (has(node, 'object') && isFree && node.maxProperties === undefined) yield 'map without maxProperties';
}

/** Everything in a value made of schemas that has no upper bound, as `path: what`. */
export function* unbounded(value: unknown, path: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const fault of faults(value)) yield `${path}: ${fault}`;
  for (const [key, inner] of Object.entries(value))
    if (!['examples', 'example', 'default', 'enum', 'required'].includes(key))
      yield* unbounded(inner, `${path}.${key}`);
}
