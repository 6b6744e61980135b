import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { jsonLine, jsonText, yamlText } from './data-text.ts';

const acts = /(?![\n\t])[\p{Cc}\p{Cf}]/u;

test('any value reads back the same from JSON and from YAML, and neither has anything that a terminal acts on', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(
      fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text))),
      (value) => {
        const clean = JSON.parse(JSON.stringify(value)) as unknown;
        for (const written of [jsonText(value), jsonLine(value)]) {
          expect(JSON.parse(written)).toEqual(clean);
          expect(written).not.toMatch(acts);
        }
        const yaml = yamlText(value);
        expect(yaml).not.toMatch(acts);
        expect(parse(yaml)).toEqual(clean);
      },
    ),
    { numRuns: 300 },
  );
});

test('what YAML 1.1 reads as something else is quoted', () => {
  expect(yamlText({ restart: 'no', mac: '02:42:10:10:10:10', revision: '1042', name: 'web' })).toBe(
    'restart: "no"\nmac: "02:42:10:10:10:10"\nrevision: "1042"\nname: web\n',
  );
});
