import { join, relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import {
  checkTraining,
  runAllStages,
  runDataStage,
  runTrainStage,
  startSession,
  type EventListener,
  type Role,
  type RunSession,
  type TrainStageResult,
} from '@nlakit/run';
import { overridesOf, runFolderOption, usage, wholeNumber, type CommandContext } from '../command-context.js';
import { resultTable } from '../result-table.js';

interface BackendChange {
  readonly allowBackendChange?: boolean;
}

/** How a run is followed from outside. */
interface Watching {
  readonly events?: boolean;
  /** `true`: in the run folder. */
  readonly tensorboard?: string | true;
}

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

/** `nla data build`: the data stage alone. */
export async function dataBuild(context: CommandContext, _options: unknown, config = ''): Promise<undefined> {
  await withSession(context, config, 'data build', {}, async (session) => {
    const { manifest, skipped } = await runDataStage(session);
    context.print({ folder: session.layout.dataFolder, skipped, ...manifest }, () =>
      [
        `${skipped ? 'Already there' : 'Built'}: ${session.layout.dataFolder}`,
        ...Object.entries(manifest.splits).map(([name, split]) => `  ${name}  ${split.rows} rows`),
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

async function withSession(
  context: CommandContext,
  config: string,
  command: string,
  options: BackendChange & Watching,
  work: (session: RunSession) => Promise<void>,
): Promise<undefined> {
  const { io, common, host, log } = context;
  const file = resolve(io.cwd, config);
  const shown = relative(io.cwd, file) || file;
  const flags = [
    ...(common.runDir === undefined ? [] : [`--run-dir ${common.runDir}`]),
    ...(common.backend === undefined ? [] : [`--backend ${common.backend}`]),
    ...(common.set ?? []).map((value) => `--set '${value}'`),
  ];
  const listeners: EventListener[] = [];
  const session = await startSession(file, {
    host,
    log,
    signal: io.signal,
    overrides: overridesOf(context),
    allowBackendChange: options.allowBackendChange === true,
    onEvent: async (event) => {
      for (const listener of listeners) await listener(event);
    },
    resumeCommand: ['nla', command, shown, ...flags, ...(command === 'train' ? ['--resume'] : [])].join(' '),
    ...runFolderOption(context),
  });
  if (options.events === true) listeners.push((event) => io.out(`${JSON.stringify(event)}\n`));
  if (options.tensorboard !== undefined) {
    const { createTensorboardLog } = await import('@nlakit/report');
    const { tensorboard } = options;
    const log = createTensorboardLog(tensorboard === true ? join(session.layout.folder, 'tensorboard') : resolve(io.cwd, tensorboard));
    listeners.push((event) => log.append(event));
  }
  try {
    await work(session);
  } finally {
    await session.dispose();
  }
  return undefined;
}
