import type { Model } from '@nlakit/core';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import geometry from './gemma-4-e2b.config.json' with { type: 'json' };
import { loadE2bModel } from './load-e2b-model.js';
import { openBenchParts } from './open-bench-parts.js';
import { measureTrainingRow } from './training-row.js';

/**
 * One micro-batch and the update of the recipe of the published Gemma-4-E2B trajectory, which accumulates 16 of them: NF4, LoRA of rank 64
 * on attention and MLP, AdamW 8-bit, activation checkpointing (not with `--keep-activations`), one row of `--length` tokens (512). Without
 * `--model` the weights are random and made in memory. Python's are always random, of the same geometry, and compute in `--peer-dtype`.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { length = 512, peerDtype, keepActivations } = setting;
  const what = `one row of ${length} tokens, NF4, LoRA r=64, AdamW 8-bit, ${keepActivations ? 'kept' : 'checkpointed'} activations`;
  if (!isWanted(setting, what)) return [];
  const parts = await openBenchParts(setting, { use: '@nlakit/quantizer-nf4', options: { doubleQuant: true } });
  let model: Model | undefined;
  try {
    const backend = await parts.backend();
    const quantizer = await parts.quantizer();
    const loading = performance.now();
    model = await loadE2bModel(setting, backend, quantizer);
    const loadSeconds = (performance.now() - loading) / 1000;
    const { details, ...row } = await measureTrainingRow(setting, {
      name: 'e2b-step',
      what,
      model,
      backend,
      quantizer,
      recipe: { preset: 'seed', microBatch: 1, accumulate: 1, maxLength: length, checkpointActivations: !keepActivations },
      peer: {
        script: 'e2b_step.py',
        settings: { geometry: geometry.text_config, dtype: peerDtype },
        ...(setting.peer === undefined ? {} : { python: setting.peer }),
      },
    });
    return [{ ...row, details: { ...details, loadSeconds } }];
  } finally {
    model?.dispose();
    await parts.dispose();
  }
}

/** `nla bench e2b-step` */
export const e2bStepCase: BenchCase = { name: 'e2b-step', run };
