/**
 * What a terminal may act on or hide (escape sequences, C1 controls, direction overrides, invisible marks), and what is no
 * character at all (half of a surrogate pair).
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text from elsewhere as it may go to a terminal, on one line: what is unsafe is written as an escape that can be seen. */
export function plain(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\n') return String.raw`\n`;
    if (character === '\t') return String.raw`\t`;
    if (code <= 0xff) return String.raw`\x${code.toString(16).padStart(2, '0')}`;
    return code <= 0xffff
      ? String.raw`\u${code.toString(16).padStart(4, '0')}`
      : String.raw`\u{${code.toString(16)}}`;
  });
}
