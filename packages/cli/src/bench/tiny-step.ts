import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchCase, BenchRow, BenchSetting } from './bench-case.js';
import { stopIfInterrupted, summarize } from './measure.js';
import { measureTrainingStep } from './measure-training-step.js';
import { openBenchParts } from './open-bench-parts.js';

/** Optimizer steps of the AV recipe on the bundled model: LoRA of rank 16, AdamW, activations kept. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, length = 128 } = setting;
  const rows: BenchRow[] = [];
  for (const [quantizer, microBatch] of [
    ['@nlakit/ops#plain', 1],
    ['@nlakit/ops#plain', 16],
    ['@nlakit/quantizer-nf4', 1],
    ['@nlakit/quantizer-nf4', 16],
  ] as const) {
    stopIfInterrupted(context.io.signal);
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const model = await parts.model();
      const recipe = { rank: 16, microBatch, accumulate: 1, maxLength: length, checkpointActivations: false };
      const { steps } = await measureTrainingStep(model, backend, recipe, { steps: repeats + 1 });
      // The first step compiles kernels and grows the heap.
      const measured = steps.slice(1);
      const seconds = summarize(measured.map(({ passSeconds, updateSeconds }) => passSeconds + updateSeconds));
      const [first] = measured;
      rows.push({
        case: 'tiny-step',
        what: `${quantizer}, batch ${microBatch} of ${length} tokens`,
        backend: setting.backend,
        repeats,
        seconds,
        rate: (microBatch * length) / seconds.median,
        rateUnit: 'tokens/s',
        peakBytes: peakResidentBytes(),
        backendPeakBytes: backend.memory().peakBytes,
        details: {
          trained: first?.trained ?? 0,
          passSeconds: summarize(measured.map(({ passSeconds }) => passSeconds)).median,
          updateSeconds: summarize(measured.map(({ updateSeconds }) => updateSeconds)).median,
        },
      });
    } finally {
      await parts.dispose();
    }
  }
  return rows;
}

/** `nla bench tiny-step` */
export const tinyStepCase: BenchCase = { name: 'tiny-step', run };
