import { join, relative, resolve } from 'node:path';
import { NlaError } from '@nlakit/core';
import { openRun, startSession, type EventListener, type RunSession } from '@nlakit/run';
import { overridesOf, runFolderOption, type CommandContext } from './command-context.js';
import type { LivePublication } from './live-publication.js';

/** Whether a run may go on with another backend. */
export interface BackendChange {
  readonly allowBackendChange?: boolean;
}

/** How a run is followed from outside. */
export interface Watching {
  /** Publish while training; `true`: to the repository of the run's name. */
  readonly live?: string | true;
  readonly events?: boolean;
  /** `true`: in the run folder. */
  readonly tensorboard?: string | true;
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
  const { startLivePublication } = await import('./live-publication.js');
  const { createPublisher } = await import('./create-publisher.js');
  const run = await openRun(session.layout.folder);
  return startLivePublication({
    run,
    publisher: await createPublisher(context, run, { to: publisher.use, ofRun: true }),
    repository,
    log: context.log,
    signal: session.signal,
  });
}

/** Works on the run of a config: reads it, opens or makes the run folder, and frees everything afterwards. */
export async function withSession(
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
  // Starting a run is an event already.
  if (options.events === true) listeners.push((event) => io.out(`${JSON.stringify(event)}\n`));
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
