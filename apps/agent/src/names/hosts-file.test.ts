import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withBlock, withoutBlock, writeOf, type HostsLine, type HostsWrite } from './hosts-file.ts';

const dockers =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n172.16.100.10\t0123456789ab\n';
const box2: HostsLine = { ip: '172.16.100.20', names: ['box2', 'box2.mac_net1', 'web'] };
const box3: HostsLine = { ip: '172.16.100.30', names: ['box3'] };

/** A file after a write that ended after so many of its bytes, or, whole, before the cut. */
function torn(before: string, { at, text }: HostsWrite, bytes: number): string {
  const written = text.slice(0, bytes);
  return before.slice(0, at).padEnd(at, '\0') + written + before.slice(at + written.length);
}
const whole = (before: string, write: HostsWrite): string =>
  torn(before, write, write.text.length).slice(0, write.length ?? undefined);

/** Lines as users and Docker write them; no marks of ours. */
const foreign = fc
  .array(
    fc.oneof(
      fc.stringMatching(/^[ -~]{0,40}$/),
      fc.constantFrom('127.0.0.1\tlocalhost', '', '# a comment', '10.0.0.1 ÿ'),
    ),
    { maxLength: 8 },
  )
  .chain((lines) => fc.constantFrom(lines.join('\n'), `${lines.join('\n')}\n`));
const name = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}$/);
const block = fc.array(
  fc.record({ ip: fc.ipV4(), names: fc.uniqueArray(name, { minLength: 1, maxLength: 4 }) }),
  { maxLength: 6 },
);

describe('the block', () => {
  test('stands behind what Docker wrote, and goes without a trace', () => {
    const text = withBlock(dockers, [box2, box3]);
    expect(text.startsWith(dockers)).toBe(true);
    expect(text).toContain('\n172.16.100.20 box2 box2.mac_net1 web\n172.16.100.30 box3\n');
    expect(withBlock(text, [])).toBe(dockers);
  });

  test('is replaced, not added to', () => {
    expect(withBlock(withBlock(dockers, [box2]), [box3])).toBe(withBlock(dockers, [box3]));
  });

  test('leaves a name to the line that has it already, whatever its case', () => {
    const text = withBlock(`${dockers}10.0.0.9 WEB # box3\n`, [box2, box3]);
    expect(text).toContain('172.16.100.20 box2 box2.mac_net1\n');
    expect(text).toContain('172.16.100.30 box3\n');
  });

  test('lines that somebody appended behind it stay', () => {
    const text = `${withBlock(dockers, [box2])}10.0.0.9\tmine\n`;
    expect(withoutBlock(text)).toBe(`${dockers}10.0.0.9\tmine\n`);
    expect(withBlock(text, [box2])).toContain(`${dockers}10.0.0.9\tmine\n`);
  });

  test('has no line that Docker takes for its own: Docker removes those that end in a tab and a name', () => {
    expect(withBlock(dockers, [box2]).slice(dockers.length)).not.toContain('\t');
  });

  test('without its last line ends before the first line that is not ours', () => {
    const text = withBlock(dockers, [box2]).replace(/[^\n]*\n$/, '10.0.0.9\tmine\n');
    expect(withoutBlock(text)).toBe(`${dockers}10.0.0.9\tmine\n`);
  });

  test('property: what is put in comes out, byte for byte, and twice is once', () => {
    fc.assert(
      fc.property(foreign, block, block, (text, one, other) => {
        const first = withBlock(text, one);
        expect(withoutBlock(first)).toBe(text);
        expect(withBlock(first, one)).toBe(first);
        expect(withBlock(first, other)).toBe(withBlock(text, other));
        expect(first.startsWith(text)).toBe(true);
      }),
    );
  });
});

describe('the write', () => {
  test('property: it makes the new text, and no line outside of the block is ever lost or changed on the way', () => {
    fc.assert(
      fc.property(foreign, block, block, fc.nat(400), (text, one, other, bytes) => {
        const before = withBlock(text, one);
        const after = withBlock(text, other);
        const write = writeOf(before, after);
        if (write === null) {
          expect(before).toBe(after);
          return;
        }
        expect(whole(before, write)).toBe(after);
        expect(torn(before, write, bytes).startsWith(text)).toBe(true);
        // Without the cut, nothing but empty lines is left of the old block.
        const uncut = torn(before, write, write.text.length);
        expect(uncut.slice(0, after.length)).toBe(after);
        expect(uncut.slice(after.length)).toMatch(/^\n*$/);
      }),
    );
  });

  test('one that ended half way is mended by the next', () => {
    const before = withBlock(dockers, [box2]);
    const after = withBlock(dockers, [box2, box3]);
    const write = writeOf(before, after)!;
    for (let bytes = '# trunkline: '.length; bytes < write.text.length; bytes += 1) {
      const half = before.slice(0, write.at) + write.text.slice(0, bytes);
      expect(withBlock(half, [box2, box3])).toBe(after);
    }
  });

  test('Docker wrote a shorter file in the same moment: the gap does not stay', () => {
    const short = dockers.split('\n').slice(0, 3).join('\n') + '\n';
    const before = withBlock(dockers, [box2]);
    const write = writeOf(before, withBlock(dockers, [box2, box3]))!;
    expect(write.at).toBe(dockers.length);
    const hole = torn(short, write, write.text.length);
    expect(hole).toContain('\0');
    expect(withoutBlock(hole)).toBe(short);
  });

  test('Docker wrote over the beginning of a block that is longer than its lines: nothing of that stays', () => {
    const alone = withBlock('', [box2, box3]);
    for (let bytes = 1; bytes < alone.indexOf('# trunkline: end'); bytes += 1) {
      const left = alone.slice(bytes);
      expect(withoutBlock(`${dockers}${left}`)).toBe(dockers);
    }
  });
});
