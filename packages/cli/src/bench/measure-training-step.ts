import { NlaError, type Backend, type MemoryPlan, type Model } from '@nlakit/core';
import {
  chooseCheckpointing,
  createGradientSum,
  createGroupOptimizer,
  createTrainable,
  type DifferentiablePass,
  initialAdapter,
  lossAndGradients,
  largestStep,
  planMemory,
  resolveRecipe,
  type SftOptions,
  trainedAdapter,
} from '@nlakit/nla/training';
import { profileKernels, tf, type KernelTime } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { stopIfInterrupted } from './stop-if-interrupted.js';

/** What a training step took. Seconds are of wall time, bytes of backend memory unless said otherwise. */
export interface MeasuredStep {
  readonly tokens: number;
  readonly trained: number;
  readonly loss: number;
  readonly gradientNorm: number;
  /** Forward and backward pass of every micro-batch. */
  readonly passSeconds: number;
  /** Clipping, update and upload. */
  readonly updateSeconds: number;
  readonly peakBytes: number;
}

/** Steps of a recipe on one model, and what was planned for them. */
export interface MeasuredTraining {
  readonly plan: MemoryPlan;
  /** Whether activations were computed again in the backward pass. */
  readonly recomputed: boolean;
  readonly steps: readonly MeasuredStep[];
  /** Where the time of one further step went, where that was asked for. */
  readonly profile?: readonly KernelTime[];
}

/**
 * Runs optimizer steps of the AV recipe on random token ids: one vector injected at the fourth position, the loss on every next token (at
 * least as many as any row of that length has); recipe, gradients and update are the trainers' own. `onStep` is waited for between two steps; `profiled` makes one
 * step more. The adapter's B matrices start at
 * small random values instead of zeros, so that no gradient is zero by construction. Everything made is freed again.
 */
export async function measureTrainingStep(
  model: Model,
  backend: Backend,
  options: SftOptions,
  {
    steps = 1,
    signal,
    onStep,
    profiled = false,
  }: {
    readonly steps?: number;
    readonly signal?: AbortSignal;
    readonly onStep?: (step: number, measured: MeasuredStep) => unknown;
    readonly profiled?: boolean;
  } = {},
): Promise<MeasuredTraining> {
  const recipe = resolveRecipe(options, 'av');
  const { spec } = model;
  const seeds = createSeedStreams(0);
  const ids = seeds.stream('bench.tokens');
  const noise = seeds.stream('bench.values');
  const dropout = seeds.stream('bench.dropout');
  const baseBytes = backend.memory().liveBytes;
  const size = largestStep(recipe, { spec, baseBytes }, spec.layers);
  const checkpoint = chooseCheckpointing(recipe, spec, size, backend.capabilities);
  const plan = planMemory(recipe, spec, size, checkpoint);

  const initial = initialAdapter(recipe, spec, spec.layers, seeds.stream('bench.adapter'));
  for (const [name, { data }] of initial.tensors) {
    if (name.endsWith('lora_B')) for (let at = 0; at < data.length; at++) data[at] = 0.01 * noise.normal();
  }
  const trainable = createTrainable(initial.tensors);
  const groups = new Map([['adapter', { trainable, learningRateFactor: 1 }]]);
  const optimizer = createGroupOptimizer(groups, recipe);
  const variables = new Map([...trainable.variables].map(([name, variable]) => [`adapter/${name}`, variable]));
  const trained = [...trainable.host.values()].reduce((total, values) => total + values.length, 0);
  const sum = createGradientSum();

  const microBatch = (): DifferentiablePass => {
    const batch = recipe.microBatch;
    const length = recipe.maxLength;
    const tokens = Int32Array.from({ length: batch * length }, () => Math.floor(ids.uniform() * spec.vocabularySize));
    const overrides = Array.from({ length: batch }, (_, row) => ({
      row,
      position: Math.min(3, length - 1),
      vector: Float32Array.from({ length: spec.dModel }, () => noise.normal()),
    }));
    const sources = Int32Array.from(tokens.keys()).filter((at) => (at + 1) % length !== 0);
    return {
      input: { tokens, batch, length, overrides, perLayerIds: 'marker', ...(recipe.dropout > 0 ? { dropout } : {}) },
      loss: ({ final }) =>
        tf.tidy(() => {
          const rows = tf.gather(tf.reshape(final as tf.Tensor, [batch * length, spec.dModel]), tf.tensor1d(sources, 'int32'));
          const targets = sources.map((at) => tokens[at + 1] ?? 0);
          const losses = model.head.crossEntropy(rows as tf.Tensor2D, targets);
          return tf.div<tf.Scalar>(tf.sum(losses), sources.length * recipe.accumulate);
        }),
    };
  };

  model.adapt(trainedAdapter(initial.spec, trainable));
  const takeStep = async (step: number): Promise<MeasuredStep> => {
    const started = performance.now();
    sum.clear();
    let loss = 0;
    for (let part = 0; part < recipe.accumulate; part++) {
      if (signal !== undefined) stopIfInterrupted(signal);
      const result = await lossAndGradients(model, variables, microBatch(), checkpoint, sum);
      loss += result.loss;
    }
    const passed = performance.now();
    const gradientNorm = optimizer.clip(sum.total);
    if (!Number.isFinite(gradientNorm)) {
      throw new NlaError('E_OPTIM_GRADIENT', {
        message: 'The measured step has a gradient that is not finite.',
        found: `a norm of ${gradientNorm} at step ${step}`,
        expected: 'finite gradients',
        fix: 'Measure another model or smaller weights: what would be timed is not a training step.',
      });
    }
    optimizer.update(sum.total, optimizer.learningRate(step));
    return {
      tokens: recipe.microBatch * recipe.maxLength * recipe.accumulate,
      trained,
      loss,
      gradientNorm,
      passSeconds: (passed - started) / 1000,
      updateSeconds: (performance.now() - passed) / 1000,
      peakBytes: backend.memory().peakBytes,
    };
  };
  const measured: MeasuredStep[] = [];
  let profile: readonly KernelTime[] | undefined;
  try {
    for (let step = 1; step <= steps; step++) {
      const taken = await takeStep(step);
      measured.push(taken);
      await onStep?.(step, taken);
    }
    if (profiled) profile = await profileKernels(() => takeStep(steps + 1));
  } finally {
    model.adapt(null);
    trainable.dispose();
  }
  return { plan, recomputed: checkpoint, steps: measured, ...(profile === undefined ? {} : { profile }) };
}
