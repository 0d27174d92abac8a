import type { Model } from '@nlakit/core';
import { resolveRecipe } from '@nlakit/nla/training';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import { isWanted, type BenchCase, type BenchRow, type BenchSetting } from './bench-case.js';
import { besidePeer, createPeerTimer } from './beside-peer.js';
import geometry from './gemma-4-e2b.config.json' with { type: 'json' };
import { loadE2bModel } from './load-e2b-model.js';
import { measureTrainingStep } from './measure-training-step.js';
import { openBenchParts } from './open-bench-parts.js';
import { peerTraining } from './peer-training.js';
import { summarize } from './summarize.js';

/**
 * One micro-batch and the update of the recipe of the published Gemma-4-E2B trajectory, which accumulates 16 of them: NF4, LoRA of rank 64
 * on attention and MLP, AdamW 8-bit, activation checkpointing, one row of `--length` tokens (512). Without `--model` the weights are random and made in memory. Python's are
 * always random, of the same geometry, and compute in `--peer-dtype`.
 */
async function run(setting: BenchSetting): Promise<BenchRow[]> {
  const { context, repeats, warmup, length = 512, peerDtype } = setting;
  const what = `one row of ${length} tokens, NF4, LoRA r=64, AdamW 8-bit, checkpointed activations`;
  if (!isWanted(setting, what)) return [];
  const parts = await openBenchParts(setting, { use: '@nlakit/quantizer-nf4', options: { doubleQuant: true } });
  let model: Model | undefined;
  try {
    const backend = await parts.backend();
    const loading = performance.now();
    model = await loadE2bModel(setting, await parts.quantizer());
    const loadSeconds = (performance.now() - loading) / 1000;
    const recipe = { preset: 'seed' as const, accumulate: 1, maxLength: length };
    const measuredModel = model;
    const settings = { ...peerTraining(resolveRecipe(recipe, 'av')), geometry: geometry.text_config, dtype: peerDtype };
    const row = await besidePeer(setting, 'e2b_step.py', settings, async (peer): Promise<BenchRow> => {
      const beside = createPeerTimer(peer, warmup);
      const { plan, steps } = await measureTrainingStep(measuredModel, backend, recipe, {
        steps: warmup + repeats,
        signal: context.io.signal,
        async onStep(step) {
          context.log.progress({ task: 'e2b-step', done: step, total: warmup + repeats, unit: 'steps' });
          await beside.turn();
        },
      });
      const measured = steps.slice(warmup);
      const seconds = summarize(measured.map(({ passSeconds, updateSeconds }) => passSeconds + updateSeconds));
      const [first] = steps;
      return {
        case: 'e2b-step',
        what,
        backend: setting.backend,
        repeats,
        seconds,
        rate: length / seconds.median,
        rateUnit: 'tokens/s',
        peakBytes: peakResidentBytes(),
        backendPeakBytes: backend.memory().peakBytes,
        details: {
          tokens: length,
          parameters: measuredModel.spec.parameters,
          trained: first?.trained ?? 0,
          plannedBytes: plan.peakBytes,
          loadSeconds,
          passSeconds: summarize(measured.map(({ passSeconds }) => passSeconds)).median,
          updateSeconds: summarize(measured.map(({ updateSeconds }) => updateSeconds)).median,
          loss: first?.loss ?? Number.NaN,
          gradientNorm: first?.gradientNorm ?? Number.NaN,
        },
        ...beside.compare(seconds),
      };
    });
    return [row];
  } finally {
    model?.dispose();
    await parts.dispose();
  }
}

/** `nla bench e2b-step` */
export const e2bStepCase: BenchCase = { name: 'e2b-step', run };
