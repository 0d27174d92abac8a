// `pnpm parity`: all comparisons on all present backends, and the table of them in docs/results.
import path from 'node:path';
import { tf } from '@nlakit/ops';
import { allComparisons } from './all-comparisons.js';
import { presentBackends } from './backends.js';
import { references } from './comparisons/references.js';
import { machineFacts } from './machine-facts.js';
import { storeParity, writeParityDocument } from './parity-results.js';
import type { ParityRow } from './parity-row.js';
import { repositoryRoot } from './repository.js';
import { runComparisons } from './run-comparisons.js';

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

storeParity({ rows, machine: machineFacts(), versions, absent });
const file = writeParityDocument();

const failed = rows.filter(({ passed }) => !passed).length;
for (const { name, reason } of absent) process.stdout.write(`not run on ${name}: ${reason}\n`);
process.stdout.write(`${rows.length - failed} of ${rows.length} measurements pass; ${path.relative(repositoryRoot, file ?? '')}\n`);
process.exitCode = failed === 0 ? 0 : 1;
