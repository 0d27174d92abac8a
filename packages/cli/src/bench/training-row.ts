import type { Backend, Model, Quantizer } from '@nlakit/core';
import { resolveRecipe, type SftOptions } from '@nlakit/nla/training';
import { peakResidentBytes } from '../peak-resident-bytes.js';
import type { BenchRow, BenchSetting } from './bench-case.js';
import { besidePeer } from './beside-peer.js';
import { measureRoof } from './gemm-roof.js';
import { createTurns, type Others } from './measure-in-turn.js';
import { measureTrainingStep } from './measure-training-step.js';
import type { PeerPython } from './peer-python.js';
import { peerTraining } from './peer-training.js';
import { besideStock } from './stock-engine.js';
import { summarize } from './summarize.js';

/** What a case of training steps measures. */
export interface TrainingToMeasure {
  /** Names of the case and of its row. */
  readonly name: string;
  readonly what: string;
  readonly model: Model;
  readonly backend: Backend;
  readonly quantizer: Quantizer | undefined;
  readonly recipe: SftOptions & { readonly microBatch: number; readonly maxLength: number };
  /** What Python does beside it: a script of `peer/`, and its settings besides the recipe. */
  readonly peer: { readonly python?: PeerPython; readonly script: string; readonly settings: object };
}

/** Measures steps of a recipe, in turn with the others where there are any, and then what was asked for besides: a profile, the roof. */
export async function measureTrainingRow(
  setting: BenchSetting,
  { name, what, model, backend, quantizer, recipe, peer: compared }: TrainingToMeasure,
): Promise<BenchRow> {
  const { context, repeats, warmup } = setting;
  const peerSettings = { ...peerTraining(resolveRecipe(recipe, 'av')), ...compared.settings };
  const python = compared.python === undefined ? {} : { peer: compared.python };
  const measureBeside = async (others: Others): Promise<BenchRow> => {
    const turns = createTurns(others, warmup);
    await turns.begin();
    const { plan, recomputed, steps, profile } = await measureTrainingStep(model, backend, recipe, {
      steps: warmup + repeats,
      signal: context.io.signal,
      profiled: setting.profiled,
      async onStep(step, { loss, passSeconds, updateSeconds }) {
        context.log.progress({ task: 'training', done: step, total: warmup + repeats, unit: 'steps' });
        await turns.next({ seconds: passSeconds + updateSeconds, computed: [loss] });
      },
    });
    const measured = steps.slice(warmup);
    const seconds = summarize(measured.map(({ passSeconds, updateSeconds }) => passSeconds + updateSeconds));
    const [{ tokens = Number.NaN, trained = Number.NaN } = {}] = measured;
    // Before the roof is measured, which takes memory of its own.
    const peaks = { peakBytes: peakResidentBytes(), backendPeakBytes: measured.at(-1)?.peakBytes ?? Number.NaN };
    const step = { rows: recipe.microBatch * recipe.maxLength, tokens, trained, recomputed, seconds: seconds.median };
    return {
      case: name,
      what,
      backend: setting.backend,
      repeats,
      seconds,
      rate: tokens / seconds.median,
      rateUnit: 'tokens/s',
      ...peaks,
      details: {
        tokens,
        trained,
        parameters: model.spec.parameters,
        plannedBytes: plan.peakBytes,
        recomputed,
        passSeconds: summarize(measured.map(({ passSeconds }) => passSeconds)).median,
        updateSeconds: summarize(measured.map(({ updateSeconds }) => updateSeconds)).median,
        loss: steps[0]?.loss ?? Number.NaN,
        gradientNorm: steps[0]?.gradientNorm ?? Number.NaN,
      },
      ...turns.compare(seconds),
      ...(setting.baselines.includes('roof') ? { roof: await measureRoof(model, step, quantizer) } : {}),
      ...(profile === undefined ? {} : { profile }),
    };
  };
  return besidePeer(python, compared.script, peerSettings, (peer) =>
    besideStock(setting, { name, what }, (stock) => measureBeside({ peer, stock, asker: setting.asker })),
  );
}
