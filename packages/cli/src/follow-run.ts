import { setTimeout as wait } from 'node:timers/promises';
import { NlaError } from '@nlakit/core';
import { runHolder } from '@nlakit/run';
import { startLivePublication, type LivePublicationOptions, type PublishedState } from './live-publication.js';

/** Milliseconds between two looks at the run folder. */
const interval = 2000;

/**
 * Publishes a run that another process is working on, as it grows, until no process works on it any more; then what is left. Throws
 * `E_STEP_MISSING` for a run without checkpoint, `E_INTERRUPTED`, and what publishing throws in the end.
 */
export async function followRun(options: LivePublicationOptions): Promise<PublishedState> {
  const { run, log, signal } = options;
  const live = await startLivePublication(options);
  const holder = await runHolder(run.folder);
  log.info(holder === undefined ? 'live: no process is working on this run' : `live: following ${holder}`);
  try {
    while ((await runHolder(run.folder)) !== undefined) {
      signal.throwIfAborted();
      live.notice();
      await wait(interval, undefined, { signal });
    }
    const state = await live.finish();
    if (state !== undefined) return state;
  } catch (error) {
    await live.stop();
    if (!signal.aborted) throw error;
    throw new NlaError('E_INTERRUPTED', {
      message: 'Interrupted: what has been published stays.',
      fix: 'Publish again, with --live to go on following.',
      cause: error,
    });
  }
  throw new NlaError('E_STEP_MISSING', {
    message: 'There is nothing to publish: the trajectory is empty, and no process is working on the run.',
    file: run.folder,
    fix: 'Start `nla run` or `nla train` first.',
    kind: 'input',
  });
}
