import { NlaError } from '@nlakit/core';
import { checkTraining, runAllStages, runDataStage, runTrainStage, type Role, type TrainStageResult } from '@nlakit/run';
import { usage, wholeNumber, type CommandContext } from '../command-context.js';
import { resultTable } from '../result-table.js';
import { withSession, type BackendChange, type Watching } from '../with-session.js';

/** `nla run`: all stages, those done under the same hash skipped. */
export async function run(context: CommandContext, options: BackendChange & Watching, config = ''): Promise<undefined> {
  await withSession(context, config, 'run', options, async (session) => {
    const result = await runAllStages(session, async (folder) => (await import('../write-run-report.js')).writeRunReport(folder));
    const evaluations = result.evaluations.map(({ evaluation: { id, step, headline } }) => ({ evaluator: id, step, headline }));
    context.print({ run: session.layout.folder, trained: result.trained, evaluations, report: result.report }, () =>
      [
        resultTable(result.evaluations.map(({ evaluation }) => evaluation)),
        '',
        `run:    ${session.layout.folder}`,
        `report: ${result.report[0] ?? 'none'}`,
      ].join('\n'),
    );
  });
}

/** `nla train`: one role or both (AR first). */
export async function train(
  context: CommandContext,
  options: BackendChange &
    Watching & {
      readonly role?: Role;
      readonly resume?: boolean;
      readonly resumeFrom?: string;
      readonly untilStep?: string;
      readonly keepResume?: string;
    },
  config = '',
): Promise<undefined> {
  const untilStep = options.untilStep === undefined ? undefined : wholeNumber(options.untilStep, '--until-step');
  const resumeFrom = options.resumeFrom === undefined ? undefined : wholeNumber(options.resumeFrom, '--resume-from', 0);
  const keepResume = options.keepResume === undefined ? undefined : wholeNumber(options.keepResume, '--keep-resume');
  if (resumeFrom !== undefined && options.role === undefined) throw usage('--resume-from', options.resumeFrom ?? '', 'a --role beside it');
  await withSession(context, config, 'train', options, async (session) => {
    const roles = options.role === undefined ? (['ar', 'av'] as const).filter((role) => session.record.trainers[role]) : [options.role];
    if (roles.length === 0) {
      throw new NlaError('E_SLOT_MISSING', { message: 'The config names no trainer.', fix: 'Add "trainers" to it.', kind: 'input' });
    }
    await runDataStage(session);
    await checkTraining(session, roles);
    const results: TrainStageResult[] = [];
    for (const role of roles) {
      results.push(
        await runTrainStage(session, {
          role,
          ...(options.resume === undefined ? {} : { resume: options.resume }),
          ...(untilStep === undefined ? {} : { untilStep }),
          ...(resumeFrom === undefined ? {} : { resumeFrom }),
          ...(keepResume === undefined ? {} : { keepResume }),
        }),
      );
    }
    const last = results.at(-1);
    context.print({ ...last, results, run: session.layout.folder }, () =>
      [
        ...results.map(
          ({ role, step, steps, complete, skipped }) =>
            `${role}: step ${step} of ${steps}${complete ? ', complete' : ', state saved'}${skipped ? ' (was done already)' : ''}`,
        ),
        `run: ${session.layout.folder}`,
      ].join('\n'),
    );
  });
}
