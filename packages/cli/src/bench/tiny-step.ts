import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { bundledModelFolder } from './bundled-model-folder.js';
import { openBenchParts } from './open-bench-parts.js';
import { stopIfInterrupted } from './stop-if-interrupted.js';
import { measureTrainingRow } from './training-row.js';

/** Optimizer steps of the AV recipe on the bundled model: LoRA of rank 16, AdamW, activations kept. Python has its turn where weights are f32. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, length = 128 } = setting;
  const rows: BenchRow[] = [];
  for (const [quantizer, microBatch] of [
    ['@nlakit/ops#plain', 1],
    ['@nlakit/ops#plain', 16],
    ['@nlakit/quantizer-nf4', 1],
    ['@nlakit/quantizer-nf4', 16],
  ] as const) {
    const what = `${quantizer}, batch ${microBatch} of ${length} tokens`;
    if (!isWanted(setting, what)) continue;
    stopIfInterrupted(context.io.signal);
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const row = await measureTrainingRow(setting, {
        name: 'tiny-step',
        what,
        backend: await parts.backend(),
        model: await parts.model(),
        quantizer: await parts.quantizer(),
        recipe: { rank: 16, microBatch, accumulate: 1, maxLength: length, checkpointActivations: false },
        peer: {
          script: 'tiny_step.py',
          settings: { model: bundledModelFolder() },
          ...(quantizer === '@nlakit/ops#plain' && setting.peer !== undefined ? { python: setting.peer } : {}),
        },
      });
      rows.push(row);
    } finally {
      await parts.dispose();
    }
  }
  return rows;
}

/** `nla bench tiny-step` */
export const tinyStepCase: BenchCase = { name: 'tiny-step', run };
