import { resolveRecipe } from '@nlakit/nla/training';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { besidePeer, createPeerTimer } from './beside-peer.js';
import { bundledModelFolder } from './bundled-model-folder.js';
import { measureTrainingStep } from './measure-training-step.js';
import { openBenchParts } from './open-bench-parts.js';
import { peerTraining } from './peer-training.js';
import { stopIfInterrupted } from './stop-if-interrupted.js';
import { summarize } from './summarize.js';

/** Optimizer steps of the AV recipe on the bundled model: LoRA of rank 16, AdamW, activations kept. Python has its turn where weights are f32. */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup, length = 128 } = setting;
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
    const recipe = { rank: 16, microBatch, accumulate: 1, maxLength: length, checkpointActivations: false };
    const peerSettings = { model: bundledModelFolder(), ...peerTraining(resolveRecipe(recipe, 'av')) };
    const parts = await openBenchParts(setting, { use: quantizer });
    try {
      const backend = await parts.backend();
      const model = await parts.model();
      const compared = quantizer === '@nlakit/ops#plain' ? setting : {};
      const row = await besidePeer(compared, 'tiny_step.py', peerSettings, async (peer) => {
        const beside = createPeerTimer(peer, warmup);
        const { steps } = await measureTrainingStep(model, backend, recipe, {
          steps: warmup + repeats,
          signal: context.io.signal,
          onStep: () => beside.turn(),
        });
        const measured = steps.slice(warmup);
        const seconds = summarize(measured.map(({ passSeconds, updateSeconds }) => passSeconds + updateSeconds));
        return {
          case: 'tiny-step',
          what,
          backend: setting.backend,
          repeats,
          seconds,
          rate: (microBatch * length) / seconds.median,
          rateUnit: 'tokens/s',
          peakBytes: peakResidentBytes(),
          backendPeakBytes: backend.memory().peakBytes,
          details: {
            trained: measured[0]?.trained ?? 0,
            passSeconds: summarize(measured.map(({ passSeconds }) => passSeconds)).median,
            updateSeconds: summarize(measured.map(({ updateSeconds }) => updateSeconds)).median,
          },
          ...beside.compare(seconds),
        };
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
