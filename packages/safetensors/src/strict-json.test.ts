import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatStrictJson, parseStrictJson } from './strict-json.js';

it('keeps numbers, order and unusual keys through reading and writing', () => {
  const text =
    '{\n  "b": 30.0,\n  "a": [\n    1e-06,\n    -0,\n    {}\n  ],\n  "__proto__": [],\n  "c": {\n    "d": null,\n    "e": "x\\n"\n  }\n}';
  expect(formatStrictJson(parseStrictJson(text))).toBe(text);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const indented = JSON.stringify(value, null, 2);
      expect(formatStrictJson(parseStrictJson(indented))).toBe(indented);
    }),
  );
});
