import { mkdir } from 'node:fs/promises';
import { isNlaError } from '@nlakit/core';
import { profileKernels } from '@nlakit/ops';
import { modelLoss } from './held-out-loss.js';
import { appendCurve, rewindCurve, type CurvePoint } from './loss-curve.js';
import { machineFacts } from '@nlakit/run';
import { modelConfig } from './model-shape.js';
import { mixture, parseOptions, type PretrainOptions } from './options.js';
import { parameterLayout } from './parameter-layout.js';
import { prepareCorpus, rowLength } from './prepare-corpus.js';
import { duration, say } from './progress.js';
import { createReplicaPool } from './replica-pool.js';
import { parameterShapes, type TrainingRows } from './replica.js';
import { createTrainer } from './trainer.js';
import { readCheckpoint, writeCheckpoint } from './training-checkpoint.js';
import { appendSession } from './training-sessions.js';

/** Steps between two measurements on held-out rows, and how many rows they read. */
const heldOutEvery = 250;
const heldOutRows = 64;
/** Steps between two lines on the terminal. */
const sayEvery = 10;

/** Trains the bundled model; goes on from the checkpoint of its folder, if there is one. */
async function pretrain(options: PretrainOptions): Promise<void> {
  const { folder, seed, batch, steps } = options;
  await mkdir(folder, { recursive: true });
  const corpus = await prepareCorpus(folder, seed, say);
  const config = modelConfig();
  const settings = { seed, batch, steps, mixture, rowLength };
  const checkpoint = await readCheckpoint(folder, settings, options.changeLength ? ['steps'] : []);
  const { length } = parameterLayout(parameterShapes(config));
  const pool = await createReplicaPool({
    config,
    tokenizer: corpus.tokenizer,
    engine: options.engine,
    length,
    workers: options.workers,
  });
  const trainer = createTrainer({ config, corpus, settings, checkpoint, replica: pool });
  const firstStep = trainer.done;
  say(`engine: ${pool.description}`);
  say(`model:  ${length} parameters; ${steps} steps of ${batch} × ${rowLength} tokens${firstStep > 0 ? `, from step ${firstStep}` : ''}`);

  if (options.profile) {
    const gradients = new Float32Array(length);
    const pass = async (): Promise<number> => pool.gradients(trainer.parameters, trainer.rowsOf(1), gradients);
    for (let warm = 0; warm < 3; warm += 1) await pass();
    const times = await profileKernels(pass);
    const whole = times.reduce((sum, time) => sum + time.milliseconds, 0);
    for (const { name, calls, milliseconds } of [...times.slice(0, 24), { name: '(all)', calls: 1, milliseconds: whole }]) {
      say(`${milliseconds.toFixed(1).padStart(9)} ms  ${String(calls).padStart(5)} × ${name}`);
    }
    const start = performance.now();
    await trainer.step();
    say(`${(performance.now() - start).toFixed(1).padStart(9)} ms  a whole step, with clipping and update on the host`);
    return pool.close();
  }

  await rewindCurve(folder, firstStep);
  await appendSession(folder, { fromStep: firstStep, steps, engine: pool.description, workers: options.workers, machine: machineFacts() });
  let stopped = false;
  const stop = (): void => void (stopped = true);
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  const before = checkpoint?.seconds ?? 0;
  const start = performance.now();
  const seconds = (): number => before + (performance.now() - start) / 1000;
  const save = async (): Promise<void> => writeCheckpoint(folder, trainer.checkpoint(seconds()));
  let lastSave = performance.now();
  let points: CurvePoint[] = [];
  let smooth = 0;
  let saidAt = start;
  let saidStep = firstStep;

  while (trainer.done < Math.min(steps, options.untilStep) && !stopped) {
    const { step, loss, learningRate, gradientNorm } = await trainer.step();
    smooth = smooth === 0 ? loss : 0.95 * smooth + 0.05 * loss;
    points.push({
      step,
      loss: round(loss),
      learningRate: round(learningRate),
      gradientNorm: round(gradientNorm),
      seconds: round(seconds()),
    });

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
      const losses = async (piece: TrainingRows): Promise<Float32Array> => pool.losses(trainer.parameters, piece);
      const heldOut = (await modelLoss(losses, corpus.heldOut, heldOutRows, batch)).loss;
      const heldOutExplained = (await modelLoss(losses, corpus.heldOutExplained, heldOutRows, batch)).loss;
      points.push({ step, heldOut: round(heldOut), heldOutExplained: round(heldOutExplained), seconds: round(seconds()) });
      say(`step ${step}/${steps}  held out: glosses ${heldOut.toFixed(3)}, with explanation ${heldOutExplained.toFixed(3)} nats/token`);
    }
    if (performance.now() - lastSave > options.checkpointMinutes * 60_000) {
      await appendCurve(folder, points);
      points = [];
      await save();
      lastSave = performance.now();
    }
  }
  await appendCurve(folder, points);
  await save();
  await pool.close();
  say(
    trainer.done >= steps
      ? `done in ${duration(seconds())}; next: pnpm --filter @nlakit/tiny-gemma4 export-model`
      : `stopped at step ${trainer.done}; the same command goes on from here`,
  );
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
