import { adoptReconstructor } from './adopt-reconstructor.js';
import { checkTraining } from './check-training.js';
import type { EvalResult } from './eval-stage.js';
import { runDataStage } from './data-stage.js';
import { runEvalStage } from './eval-stage.js';
import { runTrainStage, type TrainStageResult } from './train-stage.js';
import type { RunSession } from './run-session.js';

/** Writes the report of a run folder; given by the host, because reports are made by a package that reads runs. */
export type ReportWriter = (runFolder: string) => Promise<{ readonly files: readonly string[] }>;

/** What a whole run made. */
export interface RunResult {
  readonly trained: readonly TrainStageResult[];
  readonly evaluations: readonly EvalResult[];
  readonly report: readonly string[];
}

/** Writes the report. */
export async function runReportStage(session: RunSession, write: ReportWriter): Promise<readonly string[]> {
  await session.events.append({ stage: 'report', type: 'start' });
  const { files } = await write(session.layout.folder);
  await session.events.append({ stage: 'report', type: 'done', files: files.map((file) => file.replace(`${session.layout.folder}/`, '')) });
  return files;
}

/** Data, AR (trained or taken over), AV, evaluation, report, in that order; what is done under this run's hash is skipped. */
export async function runAllStages(session: RunSession, write?: ReportWriter): Promise<RunResult> {
  const { log, record } = session;
  if (record.dataset !== undefined) {
    const { skipped } = await runDataStage(session);
    log.info(skipped ? 'data: already there' : 'data: done');
  }
  await adoptReconstructor(session);
  const trained: TrainStageResult[] = [];
  const roles = (['ar', 'av'] as const).filter((role) => record.trainers[role] !== undefined);
  await checkTraining(session, roles);
  // Made here to see that they can be: a prompt or a key that is missing is not to come out after hours of training.
  await session.parts.evaluators();
  for (const role of roles) {
    const result = await runTrainStage(session, { role, resume: true });
    log.info(`train ${role}: ${result.skipped ? 'already done' : 'done'} (${result.step} steps)`);
    trained.push(result);
  }
  const evaluations = await runEvalStage(session);
  const report = write === undefined ? [] : await runReportStage(session, write);
  return { trained, evaluations, report };
}
