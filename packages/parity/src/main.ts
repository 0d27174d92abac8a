// `pnpm parity`: all comparisons on all present backends, and the table of them in docs/results.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tf } from '@nlakit/ops';
import { allComparisons } from './all-comparisons.js';
import { presentBackends } from './backends.js';
import { references } from './comparisons/references.js';
import { machineFacts } from './machine-facts.js';
import type { ParityResult, ParityRow } from './parity-row.js';
import { parityDocument } from './parity-table.js';
import { repositoryRoot } from './repository.js';
import { runComparisons } from './run-comparisons.js';

const results = path.join(repositoryRoot, 'docs', 'results');
const comparisons = allComparisons();
const { present, absent } = await presentBackends();
const rows: ParityRow[] = [];
const versions: Record<string, string> = { 'tfjs-core': tf.version_core };

const show = (row: ParityRow): void => {
  const numbers = `${row.maxError.toExponential(1)} of ${row.tolerance.toExponential(1)}`;
  process.stdout.write(`${row.passed ? 'pass' : 'FAIL'}  ${numbers}  ${row.backend}: ${row.group}, ${row.comparison}\n`);
};
for (const { name, start } of present) {
  versions[`backend ${name}`] = await start();
  rows.push(...(await runComparisons(comparisons, 'backend', name, show)));
}
rows.push(...(await runComparisons(comparisons, 'host', 'host', show)));
versions['golden files'] = Object.values(references).join(', ');

const ours: ParityResult = { rows, machine: machineFacts(), versions };
const pythonFile = path.join(results, 'python-parity.json');
const python = existsSync(pythonFile) ? (JSON.parse(readFileSync(pythonFile, 'utf8')) as ParityResult) : undefined;
writeFileSync(path.join(results, 'parity.json'), `${JSON.stringify({ ...ours, absent }, null, 2)}\n`);
writeFileSync(path.join(results, 'parity.md'), parityDocument({ ours, absent, ...(python === undefined ? {} : { python }) }));

const failed = rows.filter(({ passed }) => !passed).length;
for (const { name, reason } of absent) process.stdout.write(`not run on ${name}: ${reason}\n`);
process.stdout.write(`${rows.length - failed} of ${rows.length} measurements pass; docs/results/parity.md\n`);
process.exitCode = failed === 0 ? 0 : 1;
