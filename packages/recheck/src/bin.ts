#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { recheck } from './recheck.js';

// For those who want to check a published result without nlakit: `node bin.js eval/h5/step_000050.json`.
for (const file of process.argv.slice(2)) {
  const found = recheck(JSON.parse(await readFile(file, 'utf8')));
  if (found === undefined) {
    process.stdout.write(`${file}: no evaluation or experiment that is known here\n`);
    process.exitCode = 2;
    continue;
  }
  const { kind, rows, checked, differences, notComputed } = found;
  process.stdout.write(
    `${file}: ${kind}, ${rows} rows, ${checked} values, ${differences.length} differ, ${notComputed.length} not in the rows\n`,
  );
  for (const { path, stored, computed } of differences)
    process.stdout.write(`  ${path}: ${JSON.stringify(stored)}, computed ${JSON.stringify(computed)}\n`);
  if (differences.length > 0) process.exitCode = 1;
}
