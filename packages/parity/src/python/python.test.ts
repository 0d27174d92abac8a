import { expect, it } from 'vitest';
import { measureWithPython } from './measure-with-python.js';
import { findPython } from './python.js';

it("computes what Python's libraries compute, on files of either side", { tags: ['python'] }, async (test) => {
  const python = await findPython();
  if (typeof python === 'string') {
    // The usual reporter keeps the reason of a skip to itself.
    process.stderr.write(`Comparisons with Python are skipped: ${python}. See scripts/python/README.md.\n`);
    return test.skip(python);
  }
  const { rows } = await measureWithPython(python);
  expect(rows.filter(({ passed }) => !passed)).toEqual([]);
  expect(rows.length).toBeGreaterThan(70);
});
