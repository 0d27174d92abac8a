import type { Model } from '@nlakit/core';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { loadE2bModel } from './load-e2b-model.js';
import { summarize } from './measure.js';
import { measureTrainingStep } from './measure-training-step.js';
import { openBenchParts } from './open-bench-parts.js';

/**
 * One micro-batch and the update of the recipe of the published Gemma-4-E2B trajectory, which accumulates 16 of them: NF4, LoRA of rank 64
 * on attention and MLP, AdamW 8-bit, activation checkpointing, one row of `--length` tokens (512). Without `--model` the weights are random and made in memory.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, length = 512 } = setting;
  const parts = await openBenchParts(setting, { use: '@nlakit/quantizer-nf4', options: { doubleQuant: true } });
  let model: Model | undefined;
  try {
    const backend = await parts.backend();
    const loading = performance.now();
    model = await loadE2bModel(setting, await parts.quantizer());
    const loadSeconds = (performance.now() - loading) / 1000;
    const recipe = { preset: 'seed' as const, accumulate: 1, maxLength: length };
    const { plan, steps } = await measureTrainingStep(model, backend, recipe, {
      steps: setting.repeats,
      signal: context.io.signal,
      onStep: (step) => context.log.progress({ task: 'e2b-step', done: step, total: setting.repeats, unit: 'steps' }),
    });
    const seconds = summarize(steps.map(({ passSeconds, updateSeconds }) => passSeconds + updateSeconds));
    const [first] = steps;
    return [
      {
        case: 'e2b-step',
        what: `one row of ${length} tokens, NF4, LoRA r=64, AdamW 8-bit, checkpointed activations`,
        backend: setting.backend,
        repeats: setting.repeats,
        seconds,
        rate: length / seconds.median,
        rateUnit: 'tokens/s',
        peakBytes: peakResidentBytes(),
        backendPeakBytes: backend.memory().peakBytes,
        details: {
          tokens: length,
          parameters: model.spec.parameters,
          trained: first?.trained ?? 0,
          plannedBytes: plan.peakBytes,
          loadSeconds,
          passSeconds: summarize(steps.map(({ passSeconds }) => passSeconds)).median,
          updateSeconds: summarize(steps.map(({ updateSeconds }) => updateSeconds)).median,
          loss: first?.loss ?? Number.NaN,
          gradientNorm: first?.gradientNorm ?? Number.NaN,
        },
      },
    ];
  } finally {
    model?.dispose();
    await parts.dispose();
  }
}

/** `nla bench e2b-step` */
export const e2bStepCase: BenchCase = { name: 'e2b-step', run };
