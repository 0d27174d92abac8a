import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isNlaError, NlaError, type Publisher, type PublishEvent } from '@nlakit/core';
import { buildRelease, RETRACTIONS_FILE, type OpenedRun } from '@nlakit/run';
import { withBaseModelDocuments } from './base-model-documents.js';
import type { TerminalLogger } from './terminal-logger.js';
import { writeRunReport } from './write-run-report.js';

/** What a live publication needs. */
export interface LivePublicationOptions {
  readonly run: OpenedRun;
  readonly publisher: Publisher;
  readonly repository: string;
  readonly log: TerminalLogger;
  readonly signal: AbortSignal;
}

/** A trajectory that is published while it grows. */
export interface LivePublication {
  /** Something may be new: publishes it in the background if it is. A failure is a warning; the next call tries again. */
  notice(): void;
  /** Publishes what is new now. Throws what keeps that from happening. Undefined where there is no checkpoint yet. */
  finish(): Promise<PublishedState | undefined>;
  /** Waits for what is under way, and begins nothing more. Never throws. */
  stop(): Promise<void>;
}

/** What is published now. */
export interface PublishedState {
  readonly destination: string;
  readonly steps: readonly number[];
  readonly evaluations: number;
}

/**
 * Publishes a run as it grows: with each new checkpoint or evaluation the report is written anew and everything that changed goes out,
 * the card last. One publication at a time; what comes in meanwhile goes with the next.
 *
 * Looks first whether publishing can work at all: throws what planning an empty release throws, and hands on its warnings.
 */
export async function startLivePublication(options: LivePublicationOptions): Promise<LivePublication> {
  const { run, publisher, repository, log, signal } = options;
  const first = await publisher.plan({ repository, baseModel: run.record.model.name, files: [], metadata: {} });
  // That an empty release lacks its card and licence says nothing.
  for (const { code, message } of first.warnings.filter(({ code }) => !/CARD|LICENSE/.test(code))) log.warn(`${code}: ${message}`);
  let published: string | undefined;
  let state: PublishedState | undefined;
  let stopped = false;
  let underWay: Promise<void> | undefined;
  let again = false;

  const publishWhole = async (attempt = 1): Promise<Extract<PublishEvent, { type: 'done' }> | undefined> => {
    let done: Extract<PublishEvent, { type: 'done' }> | undefined;
    try {
      const release = await withBaseModelDocuments(await buildRelease(run, repository), run);
      const plan = await publisher.plan(release);
      const { checkCards } = await import('@nlakit/report');
      await checkCards(release.files);
      for await (const event of publisher.publish(plan, signal)) if (event.type === 'done') done = event;
    } catch (error) {
      // The run itself may have written its report meanwhile, so that its files changed or did not fit each other for a moment.
      if (!isNlaError(error) || !/^E_(?:PUBLISH_FILE|LINT)/.test(error.code) || attempt === 5) throw error;
      await wait(200 * attempt, undefined, { signal });
      return publishWhole(attempt + 1);
    }
    return done;
  };

  const publishNow = async (): Promise<void> => {
    const steps = await run.steps('av');
    if (steps.length === 0) return;
    const contents = await fingerprint(run);
    if (contents === published) return;
    await writeRunReport(run.folder);
    const done = await publishWhole();
    if (done === undefined) throw new NlaError('E_PUBLISH', { message: 'The publisher ended without saying that it is done.' });
    published = contents;
    state = { destination: done.url ?? done.destination, steps, evaluations: (await run.evaluations()).length };
    log.info(`live: ${steps.length} checkpoints, ${state.evaluations} evaluations at ${state.destination}`);
  };

  const inBackground = async (): Promise<void> => {
    do {
      again = false;
      try {
        await publishNow();
      } catch (error) {
        if (stopped || signal.aborted) return;
        log.warn(`W_PUBLISH_LIVE: not published, tried again with the next checkpoint. ${describe(error)}`);
      }
      // A notice may have come in while this was under way.
    } while (again as boolean);
  };

  return {
    notice() {
      if (stopped || signal.aborted) return;
      if (underWay !== undefined) {
        again = true;
        return;
      }
      underWay = inBackground().finally(() => {
        underWay = undefined;
      });
    },
    async finish() {
      again = false;
      await underWay;
      await publishNow();
      return state;
    },
    async stop() {
      stopped = true;
      again = false;
      await underWay;
    },
  };
}

/** Changes when there is something new to publish: checkpoints, evaluations and retractions with size and time. */
async function fingerprint({ folder, layout, steps, evaluations }: OpenedRun): Promise<string> {
  const files = [
    ...(await steps('av')).map((step) => `${layout.checkpoint('av', step)}/nla_meta.yaml`),
    ...(await steps('ar')).map((step) => `${layout.checkpoint('ar', step)}/nla_meta.yaml`),
    ...(await evaluations()).map(({ id, step }) => layout.evaluation(id, step)),
    join(folder, RETRACTIONS_FILE),
  ];
  const marks = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch(() => undefined);
      return `${file} ${found?.size ?? ''} ${found?.mtimeMs ?? ''}`;
    }),
  );
  return marks.join('\n');
}

function describe(error: unknown): string {
  return isNlaError(error) ? `${error.code}: ${error.details.message}` : String(error);
}
