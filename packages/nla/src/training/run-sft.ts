import {
  type CheckpointEvent,
  type Figures,
  type ForwardOutput,
  type HostTensor,
  type JsonValue,
  NlaError,
  type RandomState,
  type RandomStream,
  type TrainContext,
  type TrainerState,
  type TrainEvent,
  type Warning,
} from '@nlakit/core';
import { z } from 'zod';
import { chunks } from '../chunks.js';
import { createDataOrder, type DataOrderCursor } from './data-order.js';
import { createGradientSum } from './gradient-sum.js';
import { createGroupOptimizer, type GroupOptimizer } from './group-optimizer.js';
import { lossAndGradients } from './loss-and-gradients.js';
import { chooseCheckpointing, planMemory, type StepSize } from './plan-memory.js';
import type { SftRecipe } from './sft-options.js';
import type { SftTask } from './sft-task.js';
import { linearTrend } from './summarize.js';
import { tf } from '@nlakit/ops';

/** Steps with a gradient that is not finite, one after another, at which training gives up. */
export const skipLimit = 10;

/** The random streams of one training, each for one purpose. */
export interface SftStreams {
  /** First values of the adapter. */
  readonly init: RandomStream;
  /** Order of the rows. */
  readonly dataOrder: RandomStream;
  /** Adapter dropout. */
  readonly dropout: RandomStream;
  /** Permutation of the vectors in a control run. */
  readonly shuffle: RandomStream;
  /** Samples for checks before the first step. */
  readonly sample: RandomStream;
}

/** A supervised stage for {@link runSft}. */
export interface SftStage {
  readonly role: 'av' | 'ar';
  readonly recipe: SftRecipe;
  /** Builds the task. Draws from `init`, `shuffle` and `sample` only; on resume they give what they gave the first time. */
  createTask(streams: SftStreams): Promise<SftTask>;
}

const stateSchema = z.object({ algorithm: z.string(), words: z.array(z.number()) });
const cursorSchema = z.object({
  version: z.literal(1),
  order: z.object({ epoch: z.int().min(0), position: z.int().min(0), shuffledFrom: stateSchema }),
  streamsAtStart: z.record(z.string(), stateSchema),
  skipped: z.int().min(0),
  skippedInRow: z.int().min(0),
  rows: z.int().min(0),
  /** Losses since the last save. */
  losses: z.array(z.number()),
  lossAtSaves: z.record(z.string(), z.number()),
  optimizers: z.record(z.string(), z.object({ step: z.int().min(0), hyperparameters: z.record(z.string(), z.json()) })),
  /** sha256 of the adapter that training started from. */
  parent: z.string().optional(),
  checkpointActivations: z.boolean(),
});
type Cursor = z.infer<typeof cursorSchema>;

/**
 * The loop of a supervised stage: data order, accumulation, clipping, update, saves, exact resume. The loss of a step is the mean over all
 * loss units of its rows, whatever micro-batches they are computed in. A run stopped at any step and resumed from that step's state gives
 * the same numbers, bit for bit, as one that was not stopped.
 *
 * Aborting is honoured between steps: an `interrupt` checkpoint is yielded and the iteration ends without `done`.
 * Throws `E_TRAINING_DIVERGED` after ten steps in a row whose loss or gradient is not finite (each is skipped and warned of), or at a save
 * among such steps where held-out rows give no finite figures either,
 * `E_TRAINING_NO_ROWS` without usable rows and `E_RESUME_STATE` for a state that does not belong to this training.
 */
export async function* runSft(stage: SftStage, context: TrainContext, resume?: TrainerState): AsyncGenerator<TrainEvent> {
  const { recipe, role } = stage;
  const saved = resume === undefined ? undefined : readCursor(resume);
  const streams: SftStreams = {
    init: context.seeds.stream(`${role}.init`),
    dataOrder: context.seeds.stream(`${role}.data-order`),
    dropout: context.seeds.stream(`${role}.dropout`),
    shuffle: context.seeds.stream(`${role}.shuffle`),
    sample: context.seeds.stream(`${role}.sample`),
  };
  const named: readonly (readonly [string, RandomStream])[] = [
    [`${role}.init`, streams.init],
    [`${role}.data-order`, streams.dataOrder],
    [`${role}.dropout`, streams.dropout],
    [`${role}.shuffle`, streams.shuffle],
    [`${role}.sample`, streams.sample],
  ];
  if (saved !== undefined) {
    for (const [name, stream] of named) stream.restore(required(saved.streamsAtStart[name], `the stream ${name}`));
  }
  const streamsAtStart = statesOf(named);
  const task = await stage.createTask(streams);
  try {
    if (task.lengths.length === 0) {
      throw new NlaError('E_TRAINING_NO_ROWS', {
        message: `No row of the ${role === 'av' ? 'avSft' : 'arSft'} split can be trained on.`,
        found: task.warnings.map((warning) => warning.message).join(' ') || 'an empty split',
        fix: 'Label the rows, or raise maxLength.',
        kind: 'input',
      });
    }
    for (const event of task.announcements ?? []) yield event;
    const size = largestMicroBatch(task, recipe, context);
    // Chosen once for a training: the order of summation differs in the last bit, and a resumed run must give the same bytes.
    const checkpointActivations =
      saved?.checkpointActivations ?? chooseCheckpointing(recipe, context.model.spec, size, context.backend.capabilities);
    yield { type: 'plan', plan: planMemory(recipe, context.model.spec, size, checkpointActivations) };
    for (const warning of task.warnings) yield { type: 'warning', warning };

    if (saved !== undefined && saved.parent !== task.parent?.sha256) throw stateError('another adapter in `from` than training began with');
    const optimizer = createGroupOptimizer(task.groups, recipe);
    if (resume !== undefined && saved !== undefined) restoreTensors(task, optimizer, resume, saved);
    const order = createDataOrder(task.lengths.length, streams.dataOrder, saved?.order);
    if (resume !== undefined) streams.dropout.restore(required(resume.streams[`${role}.dropout`], `the stream ${role}.dropout`));
    const progress = {
      skipped: saved?.skipped ?? 0,
      skippedInRow: saved?.skippedInRow ?? 0,
      rows: saved?.rows ?? 0,
      losses: [...(saved?.losses ?? [])],
      lossAtSaves: { ...saved?.lossAtSaves } as Record<string, number>,
    };
    const variables = new Map<string, tf.Variable>();
    for (const [group, { trainable }] of task.groups) {
      for (const [name, variable] of trainable.variables) variables.set(`${group}/${name}`, variable);
    }
    const sum = createGradientSum();
    const last = Math.min(recipe.steps, context.untilStep ?? recipe.steps);
    let step = resume?.step ?? 0;
    let latest: Figures = {};

    const checkpoint = (reason: 'save' | 'interrupt', health: Figures): CheckpointEvent => ({
      type: 'checkpoint',
      step,
      reason,
      lora: task.lora,
      pairs: task.pairs(),
      extra: task.extra(),
      training: { ...trainingRecord(task, recipe, step, progress, order.cursor()), activation_checkpointing: checkpointActivations },
      ...(task.parent === undefined ? {} : { parentCheckpoints: [`${task.parent.name}@sha256:${task.parent.sha256}`] }),
      health,
      state: {
        step,
        tensors: stateTensors(task, optimizer),
        streams: statesOf(named),
        cursor: {
          version: 1,
          order: order.cursor(),
          streamsAtStart,
          ...structuredClone(progress),
          optimizers: optimizer.facts(),
          checkpointActivations,
          ...(task.parent === undefined ? {} : { parent: task.parent.sha256 }),
        } as unknown as JsonValue,
      },
    });

    task.attach();
    while (step < last) {
      if (context.signal.aborted) {
        yield checkpoint('interrupt', {});
        return;
      }
      const started = performance.now();
      const rows = order.next(recipe.microBatch * recipe.accumulate);
      const units = rows.reduce((total, row) => total + (task.units[row] ?? 0), 0);
      let loss = 0;
      let tokens = 0;
      sum.clear();
      for (const part of microBatches(rows, task.lengths, recipe)) {
        const batch = await task.microBatch(part);
        const pass = { input: batch.input, loss: (output: ForwardOutput) => tf.div<tf.Scalar>(batch.loss(output), units) };
        const result = await lossAndGradients(context.model, variables, pass, checkpointActivations, sum);
        loss += result.loss;
        tokens += batch.tokens;
      }
      step += 1;
      progress.rows += rows.length;
      const learningRate = optimizer.learningRate(step);
      const gradientNorm = optimizer.clip(sum.total);
      /** Of this step, for a save right behind it; times and memory differ from run to run and stay out of it. */
      let taken: Figures = {};
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        progress.skipped += 1;
        progress.skippedInRow += 1;
        const message = `Step ${step} was skipped: its ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not finite.`;
        yield { type: 'warning', step, warning: { code: 'W_GRADIENT_NOT_FINITE', message } };
        if (progress.skippedInRow >= skipLimit) throw diverged(step, recipe);
      } else {
        progress.skippedInRow = 0;
        progress.losses.push(loss);
        const updateNorm = optimizer.update(sum.total, learningRate);
        taken = { learningRate, gradientNorm, updateNorm };
        const seconds = (performance.now() - started) / 1000;
        const memory = context.backend.memory();
        const figures = {
          loss,
          learningRate,
          gradientNorm,
          updateNorm,
          tokens,
          seconds,
          tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
          memoryBytes: memory.liveBytes,
          peakBytes: memory.peakBytes,
          tensors: memory.tensors,
        };
        latest = figures;
        yield { type: 'step', step, steps: recipe.steps, figures };
      }
      if (step % recipe.saveEvery === 0 || step === recipe.steps) {
        // A step that was skipped had no loss: the one before it would pass for its own.
        const recent = progress.skippedInRow === 0 ? progress.losses.at(-1) : undefined;
        const measured = { ...lossHealth(progress.losses, recent), ...taken, ...(await task.health()) };
        // Skipped and not finite on other rows either: the parameters are lost, and a checkpoint of them would only look like one.
        if (progress.skippedInRow > 0 && Object.values(measured).some((value) => !Number.isFinite(value))) throw diverged(step, recipe);
        const health = Object.fromEntries(Object.entries(measured).filter(([, value]) => Number.isFinite(value)));
        const warning = healthWarning(step, measured);
        if (warning !== undefined) yield { type: 'warning', step, warning };
        if (recent !== undefined) progress.lossAtSaves[String(step)] = recent;
        const event = checkpointAfterSave(progress, () => checkpoint('save', health));
        yield event;
        task.attach();
      } else if (step === last) {
        yield checkpoint('interrupt', {});
        task.attach();
      }
    }
    yield { type: 'done', step, figures: { ...latest, skipped: progress.skipped } };
  } finally {
    context.model.adapt(null);
    task.dispose();
  }
}

function healthWarning(step: number, measured: Figures): Warning | undefined {
  // Neither a sidecar nor an event line can hold them.
  const infinite = Object.keys(measured).filter((name) => !Number.isFinite(measured[name]));
  if (infinite.length > 0) {
    return { code: 'W_HEALTH_NOT_FINITE', message: `At step ${step} these figures are not finite and left out: ${infinite.join(', ')}.` };
  }
  // The fate of adapters whose names fit nothing: PEFT loads them without a word, and they do nothing.
  if (measured['adapterEffect'] !== 0) return undefined;
  return {
    code: 'W_ADAPTER_NO_EFFECT',
    message: `At step ${step} the output with the adapter equals the output without it. Check its targets, and the learning rate.`,
  };
}

/** A save starts a new stretch of losses, in the stored state already: a resumed run must not count them twice. */
function checkpointAfterSave(progress: { losses: number[] }, make: () => CheckpointEvent): CheckpointEvent {
  progress.losses.length = 0;
  return make();
}

function lossHealth(losses: readonly number[], recent: number | undefined): Figures {
  if (losses.length === 0) return {};
  const { slope, rSquared } = linearTrend(losses);
  return {
    ...(recent === undefined ? {} : { trainLoss: recent }),
    trainLossMean: losses.reduce((total, loss) => total + loss, 0) / losses.length,
    trainLossMinimum: Math.min(...losses),
    trainLossSlope: slope,
    trainLossSlopeR2: rSquared,
  };
}

/** The forward passes of a step. Sorted, rows of similar length go together: less padding, and the same sum. */
function microBatches(
  rows: readonly number[],
  lengths: readonly number[],
  { microBatch, sortByLength }: Pick<SftRecipe, 'microBatch' | 'sortByLength'>,
): number[][] {
  const ordered = rows.map((row, place) => ({ row, place, length: lengths[row] ?? 0 }));
  if (sortByLength) ordered.sort((one, other) => one.length - other.length || one.place - other.place);
  return chunks(ordered, microBatch).map((some) => some.map(({ row }) => row));
}

/** The step that needs most memory: the longest rows, and the rows with most loss units. */
function largestMicroBatch(task: SftTask, recipe: SftRecipe, context: TrainContext): StepSize {
  const length = task.lengths.reduce((most, tokens) => Math.max(most, tokens), 0);
  const units = task.units.reduce((most, count) => Math.max(most, count), 0);
  let trained = 0;
  for (const { trainable } of task.groups.values()) for (const values of trainable.host.values()) trained += values.length;
  const rows = Math.min(recipe.microBatch, task.lengths.length);
  // The trained tensors are on the backend already, and counted on their own.
  const baseBytes = context.backend.memory().liveBytes - 4 * trained;
  return { baseBytes, trained, tokens: rows * length, lossRows: rows * units, length, blocks: task.blocks };
}

function trainingRecord(
  task: SftTask,
  recipe: SftRecipe,
  step: number,
  progress: { skipped: number; rows: number; lossAtSaves: Readonly<Record<string, number>> },
  order: DataOrderCursor,
): Record<string, JsonValue> {
  return {
    ...(recipe.preset === null ? {} : { preset: recipe.preset }),
    lr: recipe.learningRate,
    schedule: recipe.schedule,
    warmup: recipe.warmup,
    final_fraction: recipe.finalFraction,
    optimizer: recipe.optimizer,
    betas: [...recipe.betas],
    weight_decay: recipe.weightDecay,
    clip_norm: recipe.clipNorm,
    micro_batch: recipe.microBatch,
    grad_accum: recipe.accumulate,
    effective_batch: recipe.microBatch * recipe.accumulate,
    max_length: recipe.maxLength,
    save_interval: recipe.saveEvery,
    max_steps_configured: recipe.steps,
    steps_completed: step,
    skipped_steps: progress.skipped,
    rows_seen: progress.rows,
    rows_in_training: task.lengths.length,
    sort_by_length: recipe.sortByLength,
    epoch: order.epoch,
    ...(task.parent === undefined ? {} : { parent: { ...task.parent } }),
    loss_at_saves: { ...progress.lossAtSaves },
    ...task.facts,
  };
}

function stateTensors(task: SftTask, optimizer: GroupOptimizer): TrainerState['tensors'] {
  const tensors = new Map<string, HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array }>();
  for (const [group, { trainable }] of task.groups) {
    for (const [name, tensor] of trainable.snapshot()) tensors.set(`parameters/${group}/${name}`, tensor);
  }
  for (const [name, tensor] of optimizer.tensors()) tensors.set(`optimizer/${name}`, tensor);
  return tensors;
}

function restoreTensors(task: SftTask, optimizer: GroupOptimizer, resume: TrainerState, saved: Cursor): void {
  for (const [group, { trainable }] of task.groups) {
    for (const [name, values] of trainable.host) {
      const stored = required(resume.tensors.get(`parameters/${group}/${name}`), `the tensor parameters/${group}/${name}`);
      if (!(stored.data instanceof Float32Array) || stored.data.length !== values.length) {
        throw stateError(`parameters/${group}/${name} has another form`);
      }
      values.set(stored.data);
    }
    trainable.upload();
  }
  const moments = new Map<string, HostTensor | { readonly shape: readonly number[]; readonly data: Uint8Array }>();
  for (const [name, tensor] of resume.tensors) {
    if (name.startsWith('optimizer/')) moments.set(name.slice('optimizer/'.length), tensor);
  }
  optimizer.restore(moments, saved.optimizers);
}

function readCursor(resume: TrainerState): Cursor {
  const parsed = cursorSchema.safeParse(resume.cursor);
  if (!parsed.success) throw stateError(z.prettifyError(parsed.error));
  return parsed.data;
}

function statesOf(streams: readonly (readonly [string, RandomStream])[]): Record<string, RandomState & { words: number[] }> {
  return Object.fromEntries(
    streams.map(([name, stream]) => {
      const state = stream.state();
      return [name, { algorithm: state.algorithm, words: [...state.words] }];
    }),
  );
}

function required<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw stateError(`without ${what}`);
  return value;
}

function stateError(found: string): NlaError {
  return new NlaError('E_RESUME_STATE', {
    message: 'The stored training state does not belong to this training, or is damaged.',
    found,
    fix: 'Resume from an earlier step, or start the run anew in another folder.',
    kind: 'input',
  });
}

function diverged(step: number, recipe: SftRecipe): NlaError {
  return new NlaError('E_TRAINING_DIVERGED', {
    message: `Training was given up at step ${step}: the loss or the gradient is not finite any more, step after step.`,
    found: `learning rate ${recipe.learningRate}, clipping at ${recipe.clipNorm}`,
    fix:
      'Start a new run with a lower learning rate, more warm-up or another injection scale; its `from` option can name the folder of a ' +
      'checkpoint that was still healthy. Resuming this run would only repeat it.',
  });
}
