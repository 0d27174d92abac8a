import type { Logger } from '@nlakit/core';
import {
  adoptReconstructor,
  checkTraining,
  readRunRecord,
  reopenSession,
  runDataStage,
  runEvalStage,
  runTrainStage,
  startSession,
  type RunHost,
  type RunSession,
} from '@nlakit/run';
import type { ExperimentConfig } from './experiment-config.js';
import { wantedSteps, type PlannedRun } from './run-plan.js';

/** What runs are made with. */
export interface MakeOptions {
  readonly host: RunHost;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly resumeCommand: string;
}

/** Makes a planned run, or what it still lacks. Throws what the stages throw; `E_INTERRUPTED` with everything saved. */
export async function makeRun(run: PlannedRun, config: ExperimentConfig, options: MakeOptions): Promise<void> {
  const session = await open(run, config, options);
  try {
    if (run.role !== 'existing') {
      await runDataStage(session);
      await adoptReconstructor(session);
      const roles = (['ar', 'av'] as const).filter((role) => session.record.trainers[role] !== undefined);
      await checkTraining(session, roles);
      for (const role of roles) await runTrainStage(session, { role, resume: true });
    }
    if (run.role !== 'shared') {
      await runEvalStage(session, { evaluator: config.evaluator.id, steps: await wantedSteps(run.folder, config) });
    }
  } finally {
    await session.dispose();
  }
}

async function open(run: PlannedRun, { evaluator }: ExperimentConfig, options: MakeOptions): Promise<RunSession> {
  if (run.configFile !== undefined) {
    return await startSession(run.configFile, { ...options, runFolder: run.folder, overrides: run.overrides });
  }
  const record = await readRunRecord(run.folder);
  const known = record.evaluators.some(({ id }) => id === evaluator.id);
  return await reopenSession(run.folder, { ...options, lock: true, ...(known ? {} : { evaluators: [evaluator] }) });
}
