import { isNlaError, NlaError, type Figures, type TrainContext } from '@nlakit/core';
import { splitBaselines } from './baselines.js';
import { writeCheckpoint, type CheckpointContext } from './checkpoint.js';
import { holdSplit } from './data-stage.js';
import { readEvents, rewindEvents } from './event-log.js';
import { makeFolder, namesIn } from './file-writing.js';
import { interruption } from './interruption.js';
import { readResumeState, writeResumeState, type BackendStretch } from './resume-state.js';
import type { RunEvent } from './run-event.js';
import type { Role } from './run-layout.js';
import type { RunSession } from './run-session.js';
import { createSeedStreams } from './seed-streams.js';
import { createStepMeter } from './step-meter.js';
import { trainingSetting } from './training-setting.js';

/** How one role is to be trained. */
export interface TrainStageOptions {
  readonly role: Role;
  /** Go on from the newest state. Without it, training that has begun is refused (`E_RUN_EXISTS`). */
  readonly resume?: boolean;
  /**
   * Go on from the state of this step instead, and let the later ones go; 0 begins anew. Implies `resume`. Checkpoints that are there
   * already are written again, to the same bytes.
   */
  readonly resumeFrom?: number;
  /** Stop after that step, with the state saved. */
  readonly untilStep?: number;
  /** How many saves' states are kept to resume from, the newest first. Checkpoints themselves are never removed. Default: 2. */
  readonly keepResume?: number;
}

/** How training ended. */
export interface TrainStageResult {
  readonly role: Role;
  readonly step: number;
  readonly steps: number;
  /** Whether all configured steps are done. */
  readonly complete: boolean;
  /** Whether there was nothing left to do. */
  readonly skipped: boolean;
  readonly figures: Figures;
}

/**
 * Trains one role and writes its checkpoints: first the step folder, then its event, then the state to resume from, so that a run
 * killed at any point goes on from a state whose step folder is already there or will be written again, byte for byte.
 *
 * Throws `E_RUN_EXISTS`, `E_RESUME`, `E_DATA_CHANGED`, `E_MODEL_CHANGED`, `E_CONTRACT`, `E_INTERRUPTED` (state saved), `E_WRITE` and the trainer's errors.
 */
export async function runTrainStage(session: RunSession, options: TrainStageOptions): Promise<TrainStageResult> {
  const { role, resumeFrom } = options;
  const resume = options.resume === true || resumeFrom !== undefined;
  const { layout, record, events, log, signal } = session;
  const past = (await readEvents(layout.eventsFile)).filter((event) => event.stage === 'train' && event.role === role);
  const finished = finishedResult(role, past);
  if (finished !== undefined && resumeFrom === undefined && (resume || options.untilStep !== undefined)) return finished;

  const begun = await hasBegun(layout.checkpoints(role), layout.resume(role));
  if (begun && !resume) {
    throw new NlaError('E_RUN_EXISTS', {
      message: `Training of the ${role.toUpperCase()} has begun in this folder, and nothing is overwritten.`,
      file: layout.folder,
      fix: `Go on with: ${session.resumeCommand}, or name another folder with --run-dir.`,
      kind: 'input',
    });
  }
  await makeFolder(layout.checkpoints(role));

  const { trainer, layer, description, ...setting } = await trainingSetting(session, role);
  const { model, dataset, backend, contract } = setting;
  const split = await dataset.open(layout.dataFolder, role === 'av' ? 'avSft' : 'arSft');
  await holdSplit(session, split);

  const saved = await readResumeState(layout.resume(role), record.hash, resumeFrom);
  if (saved !== undefined && saved.dataSha256 !== split.sha256) {
    throw new NlaError('E_DATA_CHANGED', {
      message: 'The data has changed since this run was interrupted; going on would mix two datasets.',
      file: layout.dataFolder,
      found: `${split.name}, sha256 ${split.sha256}`,
      expected: `sha256 ${saved.dataSha256 ?? 'none'}`,
      fix: 'Put the old data back, or start a run in another folder.',
      kind: 'input',
    });
  }
  const seeds = createSeedStreams(record.seed);
  if (saved !== undefined) seeds.restore(saved.state.streams);
  await rewindEvents(layout.eventsFile, role, saved?.state.step ?? 0);

  const slot = session.preparation.resolved.backend;
  const backends = withStretch(saved?.backends ?? [], {
    afterStep: saved?.state.step ?? 0,
    backend: `${slot.name} ${slot.version}`,
    engine: backend.description,
  });
  let checkpointContext: CheckpointContext = {
    role,
    record,
    model,
    layer,
    contract,
    description,
    split,
    baselines: await splitBaselines(split, signal),
    guard: lastGuard(past),
    backends,
  };
  const context: TrainContext = {
    ...setting,
    seeds,
    ...(options.untilStep === undefined ? {} : { untilStep: options.untilStep }),
  };
  await events.append({
    stage: 'train',
    role,
    type: 'start',
    steps: trainer.steps,
    backend: backend.description,
    ...(saved === undefined ? {} : { resumedFrom: saved.state.step }),
  });

  const [now, before] = [backends.at(-1), backends.at(-2)];
  if (saved !== undefined && now?.afterStep === saved.state.step && before !== undefined) {
    const warning = {
      code: 'W_BACKEND_CHANGED',
      message: `Up to step ${now.afterStep} this was trained on ${before.backend} (${before.engine}); from here on it is ${now.backend} (${now.engine}). The numbers will not be those of one engine.`,
    };
    log.warn(`${warning.code}: ${warning.message}`);
    await events.append({ stage: 'train', role, type: 'warning', step: now.afterStep, warning });
  }

  let step = saved?.state.step ?? 0;
  let figures: Figures = {};
  let savedStep = step;
  let done = false;
  const meter = createStepMeter(trainer.steps);
  try {
    for await (const event of trainer.train(context, saved?.state)) {
      switch (event.type) {
        case 'plan':
          await events.append({ stage: 'train', role, type: 'plan', plan: event.plan });
          break;
        case 'guard':
          checkpointContext = { ...checkpointContext, guard: { ...event.guard, override: event.override } };
          await events.append({ stage: 'train', role, type: 'guard', guard: event.guard, override: event.override });
          // An overruled guard is a warning of the trainer's own.
          if (event.guard.verdict !== 'accepted' && !event.override)
            log.warn(`injection guard (${event.guard.verdict}): ${event.guard.reasons.join(' ')}`);
          break;
        case 'step':
          step = event.step;
          figures = event.figures;
          await events.append({ stage: 'train', role, type: 'step', step, steps: event.steps, figures });
          log.progress({ task: `train ${role}`, done: step, total: event.steps, unit: 'steps', figures: meter(event) });
          break;
        case 'checkpoint':
          // An abort right behind a save finds that save's state already on disk.
          if (event.reason === 'interrupt' && event.step === savedStep) break;
          if (event.reason === 'save') await writeCheckpoint(layout.checkpoint(role, event.step), event, checkpointContext);
          await events.append({
            stage: 'train',
            role,
            type: 'checkpoint',
            step: event.step,
            reason: event.reason,
            health: event.health,
          });
          await writeResumeState(
            layout.resume(role),
            event.state,
            { reason: event.reason, runHash: record.hash, dataSha256: split.sha256, backends },
            options.keepResume ?? 2,
          );
          savedStep = event.step;
          break;
        case 'warning':
          log.warn(`${event.warning.code}: ${event.warning.message}`);
          await events.append({
            stage: 'train',
            role,
            type: 'warning',
            warning: event.warning,
            ...(event.step === undefined ? {} : { step: event.step }),
          });
          break;
        case 'done':
          step = event.step;
          figures = { ...figures, ...event.figures };
          done = step >= trainer.steps;
          if (done) await events.append({ stage: 'train', role, type: 'done', step, figures: event.figures });
          break;
      }
    }
  } catch (error) {
    // A trainer may answer an abort with an exception of its own; what is saved is saved either way.
    if (!signal.aborted || (isNlaError(error) && error.code !== 'E_ABORTED' && error.code !== 'E_INTERRUPTED')) throw error;
  } finally {
    model.adapt(null);
  }
  if (signal.aborted && !done) {
    throw interruption(
      savedStep === 0 ? `no step of the ${role.toUpperCase()} is saved yet` : `step ${savedStep} of the ${role.toUpperCase()} is saved`,
      session.resumeCommand,
    );
  }
  return { role, step, steps: trainer.steps, complete: done, skipped: false, figures };
}

/** Whether the events say that a role's training is complete. */
export function finishedResult(role: Role, events: readonly RunEvent[]): TrainStageResult | undefined {
  const done = events.filter((event) => event.stage === 'train' && event.role === role && event.type === 'done').at(-1);
  if (done?.stage !== 'train' || done.type !== 'done') return undefined;
  return { role, step: done.step, steps: done.step, complete: true, skipped: true, figures: done.figures };
}

/** The engines of a training with the one that goes on with it, which may be the last of them. */
function withStretch(past: readonly BackendStretch[], present: BackendStretch): BackendStretch[] {
  const last = past.at(-1);
  return last?.backend === present.backend && last.engine === present.engine ? [...past] : [...past, present];
}

async function hasBegun(...folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) if ((await namesIn(folder)).length > 0) return true;
  return false;
}

function lastGuard(events: readonly RunEvent[]): CheckpointContext['guard'] {
  const found = events.filter((event) => event.stage === 'train' && event.type === 'guard').at(-1);
  return found?.stage === 'train' && found.type === 'guard' ? { ...found.guard, override: found.override } : undefined;
}
