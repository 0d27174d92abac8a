// `pnpm parity:python`: all comparisons with Python's libraries, recorded in docs/results.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeParityDocument } from '../parity-results.js';
import type { ParityRow } from '../parity-row.js';
import { repositoryRoot } from '../repository.js';
import { measureWithPython } from './measure-with-python.js';
import { findPython } from './python.js';

const python = await findPython();
if (typeof python === 'string') {
  process.stderr.write(`${python}. scripts/python/README.md says what is needed.\n`);
  process.exitCode = 1;
} else {
  const show = (row: ParityRow): void => {
    const numbers = `${row.maxError.toExponential(1)} of ${row.tolerance.toExponential(1)}`;
    process.stdout.write(`${row.passed ? 'pass' : 'FAIL'}  ${numbers}  ${row.backend}: ${row.group}, ${row.comparison}\n`);
    if (!row.passed && row.note !== undefined) process.stdout.write(`      ${row.note}\n`);
  };
  const result = await measureWithPython(python, show);
  writeFileSync(path.join(repositoryRoot, 'docs', 'results', 'python-parity.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeParityDocument();
  const failed = result.rows.filter(({ passed }) => !passed).length;
  process.stdout.write(`${result.rows.length - failed} of ${result.rows.length} measurements pass; docs/results/python-parity.json\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
