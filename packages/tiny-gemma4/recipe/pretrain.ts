import { mkdir } from 'node:fs/promises';
import { isNlaError } from '@nlakit/core';
import { clipGradients, createAdamW } from '@nlakit/optim';
import { createSeedStreams } from '@nlakit/run';
import { modelLoss } from './held-out-loss.js';
import { initialWeights } from './initial-weights.js';
import { profileKernels } from './kernel-profile.js';
import { learningRate } from './learning-rate.js';
import { appendCurve, rewindCurve, type CurvePoint } from './loss-curve.js';
import { machineFacts } from './machine.js';
import { modelConfig } from './model-shape.js';
import { learningRateOptions, mixture, optimiser, parseOptions, type PretrainOptions } from './options.js';
import { parameterLayout } from './parameter-layout.js';
import { prepareCorpus, rowLength, type Corpus } from './prepare-corpus.js';
import { duration, say } from './progress.js';
import { createReplicaPool } from './replica-pool.js';
import { parameterShapes, type TrainingRows } from './replica.js';
import type { PlannedRow } from './row-plan.js';
import { readCheckpoint, writeCheckpoint } from './training-checkpoint.js';
import { planTraining } from './training-plan.js';
import { appendSession } from './training-sessions.js';

/** Steps between two measurements on held-out rows, and how many rows they read. */
const heldOutEvery = 250;
const heldOutRows = 64;
/** Steps between two lines on the terminal. */
const sayEvery = 10;

/** Trains the bundled model; goes on from the checkpoint of its folder, if there is one. */
async function pretrain(options: PretrainOptions): Promise<void> {
  await mkdir(options.folder, { recursive: true });
  const corpus = await prepareCorpus(options.folder, options.seed, say);
  const config = modelConfig();
  const shapes = parameterShapes(config);
  const layout = parameterLayout(shapes);
  const parameters = new Float32Array(layout.length);
  const views = layout.views(parameters);
  const gradients = new Float32Array(layout.length);
  const gradientViews = layout.views(gradients);
  const seeds = createSeedStreams(options.seed);
  const optimizer = createAdamW({
    betas: optimiser.betas,
    weightDecay: optimiser.weightDecay,
    decays: (name) => (shapes.get(name)?.length ?? 0) > 1,
  });

  const { seed, batch, steps } = options;
  const settings = { seed, batch, steps, mixture, rowLength };
  const checkpoint = await readCheckpoint(options.folder, settings);
  const initial = checkpoint?.parameters ?? initialWeights(shapes, 16, seeds.stream('weights'));
  for (const [name, values] of initial) views.get(name)?.set(values);
  if (checkpoint !== undefined) optimizer.restore(checkpoint.optimizer);
  const firstStep = checkpoint?.optimizer.step ?? 0;
  await rewindCurve(options.folder, firstStep);

  const { names, rows: plan } = planTraining(settings, corpus);
  const pool = await createReplicaPool({
    config,
    tokenizer: corpus.tokenizer,
    engine: options.engine,
    length: layout.length,
    workers: options.workers,
  });
  say(`engine: ${pool.description}`);
  say(
    `model:  ${layout.length} parameters; ${steps} steps of ${batch} × ${rowLength} tokens${firstStep > 0 ? `, from step ${firstStep}` : ''}`,
  );

  if (options.profile) {
    const rows = rowsOfStep(corpus, names, plan.slice(0, batch));
    for (let warm = 0; warm < 3; warm += 1) await pool.gradients(parameters, rows, gradients);
    const times = await profileKernels(async () => pool.gradients(parameters, rows, gradients));
    const whole = times.reduce((sum, time) => sum + time.milliseconds, 0);
    for (const { name, calls, milliseconds } of [...times.slice(0, 24), { name: '(all)', calls: 1, milliseconds: whole }]) {
      say(`${milliseconds.toFixed(1).padStart(9)} ms  ${String(calls).padStart(5)} × ${name}`);
    }
    const host = performance.now();
    clipGradients(gradientViews, optimiser.clip);
    optimizer.step(views, gradientViews, 1e-9);
    say(`${(performance.now() - host).toFixed(1).padStart(9)} ms  clipping and update on the host`);
    return pool.close();
  }

  await appendSession(options.folder, {
    fromStep: firstStep,
    engine: pool.description,
    workers: options.workers,
    machine: machineFacts(),
  });
  let stopped = false;
  const stop = (): void => void (stopped = true);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  const before = checkpoint?.seconds ?? 0;
  const start = performance.now();
  const seconds = (): number => before + (performance.now() - start) / 1000;
  const save = async (): Promise<void> =>
    writeCheckpoint(options.folder, { parameters: views, optimizer: optimizer.state(), seconds: seconds(), settings });
  let lastSave = performance.now();
  let points: CurvePoint[] = [];
  let smooth = 0;
  let saidAt = start;
  let saidStep = firstStep;

  for (let step = firstStep + 1; step <= Math.min(steps, options.untilStep) && !stopped; step += 1) {
    const rows = rowsOfStep(corpus, names, plan.slice((step - 1) * batch, step * batch));
    const loss = await pool.gradients(parameters, rows, gradients);
    const gradientNorm = clipGradients(gradientViews, optimiser.clip);
    const rate = learningRate(step, learningRateOptions(steps));
    optimizer.step(views, gradientViews, rate);
    smooth = smooth === 0 ? loss : 0.95 * smooth + 0.05 * loss;
    points.push({ step, loss: round(loss), learningRate: round(rate), gradientNorm: round(gradientNorm), seconds: round(seconds()) });

    if (step % sayEvery === 0 || step === firstStep + 1) {
      const now = performance.now();
      const each = (now - saidAt) / 1000 / (step - saidStep);
      saidAt = now;
      saidStep = step;
      say(
        `step ${step}/${steps}  loss ${loss.toFixed(3)} (mean ${smooth.toFixed(3)})  ${Math.round((batch * rowLength) / each)} tokens/s` +
          `  ${Math.round(each * 1000)} ms/step  left ${duration((steps - step) * each)}`,
      );
    }
    if (step % heldOutEvery === 0 || step === steps) {
      const losses = async (piece: TrainingRows): Promise<Float32Array> => pool.losses(parameters, piece);
      const heldOut = (await modelLoss(losses, corpus.heldOut, heldOutRows, batch)).loss;
      const heldOutExplained = (await modelLoss(losses, corpus.heldOutExplained, heldOutRows, batch)).loss;
      points.push({ step, heldOut: round(heldOut), heldOutExplained: round(heldOutExplained), seconds: round(seconds()) });
      say(`step ${step}/${steps}  held out: glosses ${heldOut.toFixed(3)}, with explanation ${heldOutExplained.toFixed(3)} nats/token`);
    }
    if (performance.now() - lastSave > options.checkpointMinutes * 60_000) {
      await appendCurve(options.folder, points);
      points = [];
      await save();
      lastSave = performance.now();
    }
  }
  await appendCurve(options.folder, points);
  await save();
  await pool.close();
  say(
    optimizer.state().step >= steps
      ? `done in ${duration(seconds())}; next: pnpm --filter @nlakit/tiny-gemma4 export-model`
      : `stopped at step ${optimizer.state().step}; the same command goes on from here`,
  );
}

function rowsOfStep(corpus: Corpus, names: readonly (keyof Corpus['streams'])[], planned: readonly PlannedRow[]): TrainingRows {
  const tokens = new Int32Array(planned.length * rowLength);
  const targets = new Int32Array(planned.length * rowLength);
  planned.forEach(({ stream, row }, index) => {
    const source = corpus.streams[names[stream] ?? 'glosses'];
    const from = row * rowLength;
    tokens.set(source.subarray(from, from + rowLength), index * rowLength);
    targets.set(source.subarray(from + 1, from + 1 + rowLength), index * rowLength);
  });
  return { tokens, targets, batch: planned.length, length: rowLength };
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}

try {
  await pretrain(parseOptions(process.argv.slice(2), rowLength));
} catch (error) {
  if (!isNlaError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n`);
  process.exitCode = error.details.kind === 'input' ? 2 : 1;
}
