import type { Model } from '@nlakit/core';
import { readActivations, type TextToRead } from '@nlakit/nla';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { loadE2bModel } from './load-e2b-model.js';
import { measure } from './measure.js';
import { openBenchParts } from './open-bench-parts.js';

/** Vectors taken from each text. */
const positionsPerText = 10;

/** Reading activations for a dataset: of one block, and of three in the same pass. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const parts = await openBenchParts(setting, { use: '@nlakit/quantizer-nf4' });
  try {
    const backend = await parts.backend();
    const model = await parts.model();
    const rows: BenchRow[] = [];
    for (const layers of [[5], [3, 5, 7]]) {
      const row = await measureReading('extract', model, setting, { layers, texts: 64, length: 128 });
      if (row !== undefined) rows.push({ ...row, backendPeakBytes: backend.memory().peakBytes });
    }
    return rows;
  } finally {
    await parts.dispose();
  }
}

/** The same at the geometry of Gemma-4-E2B: one text of `--length` tokens (512), read after block 23. */
async function runE2b(setting: BenchSetting): Promise<BenchRow[]> {
  const parts = await openBenchParts(setting, { use: '@nlakit/quantizer-nf4', options: { doubleQuant: true } });
  let model: Model | undefined;
  try {
    const backend = await parts.backend();
    model = await loadE2bModel(setting, backend, await parts.quantizer());
    const row = await measureReading('extract-e2b', model, setting, { layers: [23], texts: 1, length: 512 });
    return row === undefined ? [] : [{ ...row, backendPeakBytes: backend.memory().peakBytes }];
  } finally {
    model?.dispose();
    await parts.dispose();
  }
}

/** One row; undefined if it is not wanted. */
async function measureReading(
  name: string,
  model: Model,
  setting: BenchSetting,
  usual: { readonly layers: readonly number[]; readonly texts: number; readonly length: number },
): Promise<BenchRow | undefined> {
  const { backend, context, repeats, warmup, length } = setting;
  const tokensOfText = length ?? usual.length;
  const blocks = `${usual.layers.length === 1 ? 'block' : 'blocks'} ${usual.layers.join(', ')}`;
  const what = `${usual.texts} texts of ${tokensOfText} tokens, ${positionsPerText} positions, ${blocks}, NF4`;
  if (!isWanted(setting, what)) return undefined;
  const texts: TextToRead[] = Array.from({ length: usual.texts }, (_, text) => ({
    tokens: Int32Array.from({ length: tokensOfText }, (_, place) => 2 + ((text * 7919 + place * 104729) % (model.spec.vocabularySize - 2))),
    positions: Array.from({ length: positionsPerText }, (_, at) => Math.floor(((at + 1) * (tokensOfText - 1)) / positionsPerText)),
  }));
  let vectors = 0;
  const read = async (): Promise<void> => {
    vectors = 0;
    for await (const batch of readActivations(model, texts, { layers: usual.layers, signal: context.io.signal })) {
      vectors += batch.length * positionsPerText * usual.layers.length;
    }
  };
  const measured = await measure(read, { repeats, warmup, signal: context.io.signal });
  return {
    case: name,
    what,
    backend,
    repeats,
    ...measured,
    rate: (usual.texts * tokensOfText) / measured.seconds.median,
    rateUnit: 'tokens/s',
    peakBytes: peakResidentBytes(),
    details: { vectors, vectorsPerSecond: vectors / measured.seconds.median },
  };
}

/** `nla bench extract` */
export const extractCase: BenchCase = { name: 'extract', run };

/** `nla bench extract-e2b` */
export const extractE2bCase: BenchCase = { name: 'extract-e2b', run: runE2b };
