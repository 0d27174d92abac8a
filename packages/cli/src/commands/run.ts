import { join, relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import {
  checkTraining,
  openRun,
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
import type { LivePublication } from '../live-publication.js';
import { resultTable } from '../result-table.js';

interface BackendChange {
  readonly allowBackendChange?: boolean;
}

/** How a run is followed from outside. */
interface Watching {
  /** Publish while training; `true`: to the repository of the run's name. */
  readonly live?: string | true;
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

/** Publishes with the publisher of the config while the run goes on. */
async function livePublication(context: CommandContext, session: RunSession, repository: string): Promise<LivePublication> {
  const { publisher } = session.record;
  if (publisher === undefined) {
    throw new NlaError('E_SLOT_MISSING', {
      message: 'The config names no publisher, so there is nowhere to publish to while training.',
      fix: 'Add "publisher" to it, e.g. { use: "@nlakit/publisher-huggingface", options: { private: true } }.',
      kind: 'input',
    });
  }
  const { startLivePublication } = await import('../live-publication.js');
  const { createPublisher } = await import('../create-publisher.js');
  const run = await openRun(session.layout.folder);
  return startLivePublication({
    run,
    publisher: await createPublisher(context, run, { to: publisher.use, ofRun: true }),
    repository,
    log: context.log,
    signal: session.signal,
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
  let live: LivePublication | undefined;
  try {
    if (options.live !== undefined) {
      const { live: repository } = options;
      live = await livePublication(context, session, repository === true ? session.record.name : repository);
      listeners.push((event) => {
        if (event.type === 'checkpoint' || event.type === 'evaluation') live?.notice();
      });
    }
    await work(session);
    await live?.finish();
  } finally {
    await live?.stop();
    await session.dispose();
  }
  return undefined;
}
