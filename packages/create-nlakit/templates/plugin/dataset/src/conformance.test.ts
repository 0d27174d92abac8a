import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toyContract, toyRows } from '@nlakit/conformance';
import { describeConformance } from '@nlakit/conformance/vitest';
import { writeSplit } from '@nlakit/dataset';
import { afterAll } from 'vitest';
import { plugin } from './index.js';

const folder = await mkdtemp(join(tmpdir(), 'nla-dataset-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const rows = toyRows(16);
const sidecar = { datasetId: 'toy', norm: 'none', ...toyContract } as const;
await writeSplit(folder, 'avSft', rows.slice(0, 10), sidecar);
await writeSplit(folder, 'arSft', rows.slice(0, 10), sidecar);
await writeSplit(folder, 'heldOut', rows.slice(10), sidecar);
const files = { avSft: 'av_sft.parquet', arSft: 'ar_sft.parquet', heldOut: 'held_out.parquet' };

describeConformance(
  plugin,
  {
    options: { ...Object.fromEntries(Object.entries(files).map(([split, file]) => [split, join(folder, file)])), words: 2 },
    badOptions: [{}, { ...files, words: 0 }],
  },
  { out: 'conformance.json' },
);
