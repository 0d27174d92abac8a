import type { JsonValue } from '@nlakit/core';
import { clipGradients, createAdamW } from '@nlakit/optim';
import { createSeedStreams } from '@nlakit/run';
import { initialWeights } from './initial-weights.js';
import { learningRate } from './learning-rate.js';
import { learningRateOptions, optimiser } from './options.js';
import { parameterLayout } from './parameter-layout.js';
import type { Corpus } from './prepare-corpus.js';
import { parameterShapes, type Replica, type TrainingRows } from './replica.js';
import type { PlannedRow } from './row-plan.js';
import type { TrainingCheckpoint } from './training-checkpoint.js';
import { planTraining, type StreamName, type TrainingSettings } from './training-plan.js';

/** Figures of one step. */
export interface StepFigures {
  /** Counts from 1. */
  readonly step: number;
  /** Mean cross-entropy over the tokens of the step, nats, before the update. */
  readonly loss: number;
  readonly learningRate: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
}

/** A training run, one step after another. */
export interface Trainer {
  /** Current values of all parameters, see {@link parameterLayout}. */
  readonly parameters: Float32Array;
  /** Steps made so far, those before the checkpoint included. */
  readonly done: number;
  step(): Promise<StepFigures>;
  /** Rows of one step, counted from 1. */
  rowsOf(step: number): TrainingRows;
  /** Everything the run needs to go on; the values are not copied. */
  checkpoint(seconds: number): TrainingCheckpoint;
}

/** What a {@link Trainer} is made from. */
export interface TrainerOptions {
  readonly config: Readonly<Record<string, JsonValue>>;
  readonly corpus: Pick<Corpus, 'streams'>;
  readonly settings: TrainingSettings;
  /** Where to go on from; without it, training starts from random weights. */
  readonly checkpoint?: TrainingCheckpoint | undefined;
  readonly replica: Pick<Replica, 'gradients'>;
}

/**
 * A run whose weights, rows and learning rates depend on its settings and the corpus alone, so that it is the same run whether it is
 * interrupted or not. How exactly losses repeat is up to the engine.
 */
export function createTrainer({ config, corpus, settings, checkpoint, replica }: TrainerOptions): Trainer {
  const { batch, steps } = settings;
  const shapes = parameterShapes(config);
  const layout = parameterLayout(shapes);
  const parameters = new Float32Array(layout.length);
  const views = layout.views(parameters);
  const gradients = new Float32Array(layout.length);
  const gradientViews = layout.views(gradients);
  const optimizer = createAdamW({
    betas: optimiser.betas,
    weightDecay: optimiser.weightDecay,
    decays: (name) => (shapes.get(name)?.length ?? 0) > 1,
  });
  const text = config['text_config'] as { readonly hidden_size_per_layer_input: number };
  const random = createSeedStreams(settings.seed).stream('weights');
  const initial = checkpoint?.parameters ?? initialWeights(shapes, text.hidden_size_per_layer_input, random);
  for (const [name, values] of initial) views.get(name)?.set(values);
  if (checkpoint !== undefined) optimizer.restore(checkpoint.optimizer);
  const { names, rows: plan } = planTraining(settings, corpus);
  let done = checkpoint?.optimizer.step ?? 0;

  const rowsOf = (step: number): TrainingRows => readRows(corpus, names, plan.slice((step - 1) * batch, step * batch), settings.rowLength);
  return {
    parameters,
    get done() {
      return done;
    },
    rowsOf,
    async step() {
      const step = done + 1;
      const loss = await replica.gradients(parameters, rowsOf(step), gradients);
      const gradientNorm = clipGradients(gradientViews, optimiser.clip);
      const rate = learningRate(step, learningRateOptions(steps));
      optimizer.step(views, gradientViews, rate);
      done = step;
      return { step, loss, learningRate: rate, gradientNorm };
    },
    checkpoint: (seconds) => ({
      parameters: views,
      optimizer: optimizer.state(),
      seconds,
      settings: settings as unknown as JsonValue,
    }),
  };
}

function readRows(
  corpus: Pick<Corpus, 'streams'>,
  names: readonly StreamName[],
  planned: readonly PlannedRow[],
  length: number,
): TrainingRows {
  const tokens = new Int32Array(planned.length * length);
  const targets = new Int32Array(planned.length * length);
  planned.forEach(({ stream, row }, index) => {
    const source = corpus.streams[names[stream] ?? 'glosses'];
    const from = row * length;
    tokens.set(source.subarray(from, from + length), index * length);
    targets.set(source.subarray(from + 1, from + 1 + length), index * length);
  });
  return { tokens, targets, batch: planned.length, length };
}
