import { Document, isScalar, Scalar, visit } from 'yaml';

/** As in plain.ts, but for line breaks and tabs, which both formats write safely themselves. */
const unsafe = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const isUnsafe = (text: string): boolean => new RegExp(unsafe.source, 'u').test(text);

/** JSON, indented. What a terminal may act on is escaped; the value is the same. */
export const jsonText = (value: unknown): string => `${escapeJson(JSON.stringify(value, null, 2))}\n`;

/** JSON on one line, for streams of values. */
export const jsonLine = (value: unknown): string => `${escapeJson(JSON.stringify(value))}\n`;

/** One YAML document. It reads the same as YAML 1.1 and 1.2: `no` is quoted. */
export function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && typeof node.value === 'string' && isUnsafe(node.value))
        node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Only in double quotes is there anything to escape by now.
  return document
    .toString({ lineWidth: 0 })
    .replace(unsafe, (character) => escaped(character, (code) => String.raw`\U${hex(code, 8)}`));
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

function escaped(character: string, astral: (code: number) => string): string {
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xffff ? String.raw`\u${hex(code, 4)}` : astral(code);
}

const escapeJson = (text: string): string =>
  text.replace(unsafe, (character) =>
    escaped(character, () =>
      character
        .split('')
        .map((half) => String.raw`\u${hex(half.charCodeAt(0), 4)}`)
        .join(''),
    ),
  );
