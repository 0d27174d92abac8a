import { readdir, rm } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import type { Logger, Model } from '@nlakit/core';
import { createEventLog, type EventListener, type EventLog } from './event-log.js';
import type { EvaluatorSlot } from './run-config.js';
import { resolveRun, checkSource, type RunHost, type RunPreparation } from './resolve-run.js';
import { applyOverrides, type ConfigOverride } from './config-source.js';
import { differences } from './resolved-run.js';
import { runLayout, type RunLayout } from './run-layout.js';
import { holdBaseModel } from './base-model.js';
import { clearLitter, isLitter, makeFolder } from './file-writing.js';
import { lockFileName, lockRun, type RunLock } from './run-lock.js';
import type { RunParts } from './run-parts.js';
import { existingRun, openRunFolder, presentBackend, readRunRecord, type RunRecord } from './run-record.js';
import { startParts } from './start-backend.js';

/** A run that stages work on: its folder, its parts, and where messages go. */
export interface RunSession {
  readonly record: RunRecord;
  readonly layout: RunLayout;
  readonly parts: RunParts;
  readonly preparation: RunPreparation;
  readonly events: EventLog;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Settings in which a reopened run departs from its `run.json`: overrides, and plugins of another version. */
  readonly departures: readonly string[];
  /** What to type to go on after an interruption. */
  readonly resumeCommand: string;
  /** Frees the parts and the run folder. */
  dispose(): Promise<void>;
}

/** What a session needs from its host. */
export interface SessionOptions {
  readonly host?: RunHost;
  readonly log?: Logger;
  readonly signal?: AbortSignal;
  readonly resumeCommand?: string;
  /** Told each event of the run as it happens. */
  readonly onEvent?: EventListener;
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  progress: () => undefined,
};

/**
 * Starts a run from a config, or goes on with it. The folder defaults to `<runsFolder>/<name>`, and `runsFolder` to `runs` in the
 * working directory. The session has the folder's lock until it is disposed of. A run that goes on with another backend needs
 * `allowBackendChange`, and notes it in its events.
 * Throws what {@link resolveRun}, {@link startParts}, {@link lockRun} and {@link openRunFolder} throw; no weights are loaded.
 */
export async function startSession(
  configFile: string,
  options: SessionOptions & {
    readonly runFolder?: string;
    readonly runsFolder?: string;
    readonly overrides?: readonly ConfigOverride[];
    readonly allowBackendChange?: boolean;
  } = {},
): Promise<RunSession> {
  const checked = await resolveRun(configFile, options.host, options.overrides);
  const folder = resolve(options.runFolder ?? join(options.runsFolder ?? 'runs', checked.resolved.name));
  const { preparation, parts, choice } = await startParts(checked, await partsOptions(folder, options));
  let lock: RunLock | undefined;
  try {
    // Before anything is written into what may be somebody else's folder.
    const existing = await existingRun(folder, preparation, options);
    await makeFolder(folder);
    lock = await lockRun(folder);
    const record = await openRunFolder(folder, preparation, { ...options, choice });
    await clearAfter(folder, lock, options.log);
    const made = session(folder, record, preparation, { parts, lock, departures: [] }, options);
    if (existing === undefined && choice !== undefined) await made.events.append({ stage: 'run', type: 'backend-choice', ...choice });
    await noteBackendChange(made);
    return made;
  } catch (error) {
    await parts.dispose();
    await lock?.release();
    throw error;
  }
}

/**
 * Opens an existing run for evaluation, explanation or publishing, from its `run.json` alone; `evaluators` are added to its own. What
 * differs from the record, by an override or a plugin of another version, is reported as a warning and kept as `departures`. Whoever is
 * going to write into the folder asks for its lock.
 */
export async function reopenSession(
  runFolder: string,
  options: SessionOptions & {
    readonly overrides?: readonly ConfigOverride[];
    readonly evaluators?: readonly EvaluatorSlot[];
    readonly lock?: boolean;
  } = {},
): Promise<RunSession> {
  const folder = resolve(runFolder);
  const record = await readRunRecord(folder);
  const present = { ...record, backend: await presentBackend(folder, record) };
  const checked = await prepareFromRecord(folder, present, options.host ?? {}, options.overrides, options.evaluators);
  const { preparation, parts } = await startParts(checked, await partsOptions(folder, options));
  const { resolved } = preparation;
  const departures = differences(present, {
    ...resolved,
    // The run has its own copy of a reconstructor it took over, and added evaluators change nothing that was made.
    ...(record.reconstructor === undefined ? {} : { reconstructor: record.reconstructor }),
    evaluators: resolved.evaluators.slice(0, record.evaluators.length),
  });
  if (departures.length > 0) options.log?.warn(`Not as in the run's record: ${departures.join('; ')}`);
  const lock = options.lock === true ? await lockRun(folder) : undefined;
  if (lock !== undefined) await clearAfter(folder, lock, options.log);
  return session(folder, record, preparation, { parts, lock, departures }, options);
}

/** The plugins of a recorded run, loaded again. */
export async function prepareFromRecord(
  folder: string,
  record: RunRecord,
  host: RunHost,
  overrides: readonly ConfigOverride[] = [],
  evaluators: readonly EvaluatorSlot[] = [],
): Promise<RunPreparation> {
  const slot = ({ use, given }: { readonly use: string; readonly given: unknown }): unknown => ({ use, options: given });
  const configFolder = isAbsolute(record.configFolder) ? record.configFolder : resolve(folder, record.configFolder);
  const check = await checkSource(
    {
      file: runLayout(folder).runFile,
      folder: configFolder,
      overrides,
      place: () => ({ file: runLayout(folder).runFile }),
      value: applyOverrides(
        {
          schema: 1,
          name: record.name,
          seed: record.seed,
          backend: slot(record.backend),
          ...(record.quantizer ? { quantizer: slot(record.quantizer) } : {}),
          model: slot(record.model),
          injector: slot(record.injector),
          ...(record.dataset ? { dataset: slot(record.dataset) } : {}),
          ...(record.labeler ? { labeler: slot(record.labeler) } : {}),
          trainers: {
            ...(record.trainers.ar ? { ar: slot(record.trainers.ar) } : {}),
            ...(record.trainers.av ? { av: slot(record.trainers.av) } : {}),
          },
          evaluators: [...record.evaluators.map((one) => ({ id: one.id, use: one.use, options: one.given })), ...evaluators],
          ...(record.publisher ? { publisher: slot(record.publisher) } : {}),
        },
        overrides,
      ),
    },
    host,
  );
  if (check.ok) return check.preparation;
  throw check.issues[0]?.error ?? new Error('A failed check names no issue.');
}

/** K of a run: the model's `layer` option, or two thirds of its depth (`floor(2 L / 3)`). */
export function runLayer(record: RunRecord, model: Pick<Model, 'spec'>): number {
  const options = record.model.options;
  const layer = typeof options === 'object' && options !== null && 'layer' in options ? options.layer : undefined;
  return typeof layer === 'number' ? layer : Math.floor((2 * model.spec.layers) / 3);
}

async function partsOptions(folder: string, { log = silentLogger, signal = new AbortController().signal }: SessionOptions) {
  const record = await readRunRecord(folder).catch(() => undefined);
  return {
    signal,
    log,
    checkModel: (model: Model) => holdBaseModel(folder, model.spec, model.tokenizer),
    ...(record === undefined ? {} : { preferred: await presentBackend(folder, record) }),
  };
}

/** Says what a process that was killed left behind, and clears it away. Reports are not under the lock and are left alone. */
async function clearAfter(folder: string, lock: RunLock, log: Logger = silentLogger): Promise<void> {
  if (lock.abandonedBy !== undefined) log.info(`going on after ${lock.abandonedBy}, which ended without a word`);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'report') await clearLitter(path);
    // Another process may be trying to get the lock.
    else if (isLitter(entry.name) && !entry.name.startsWith(`.${lockFileName}.`)) await rm(path, { force: true });
  }
}

async function noteBackendChange({ layout, record, preparation, events, log }: RunSession): Promise<void> {
  const from = await presentBackend(layout.folder, record);
  const to = preparation.resolved.backend;
  const changes = differences({ ...record, backend: from }, { ...record, backend: to });
  if (changes.length === 0) return;
  await events.append({ stage: 'run', type: 'backend', from, to });
  log.warn(`W_BACKEND_CHANGED: the run goes on with another backend: ${changes.join('; ')}`);
}

function session(
  folder: string,
  record: RunRecord,
  preparation: RunPreparation,
  made: { readonly parts: RunParts; readonly lock: RunLock | undefined; readonly departures: readonly string[] },
  options: SessionOptions,
): RunSession {
  const layout = runLayout(folder);
  const { parts, lock, departures } = made;
  return {
    record,
    layout,
    parts,
    preparation,
    events: createEventLog(layout.eventsFile, options.onEvent),
    log: options.log ?? silentLogger,
    signal: options.signal ?? new AbortController().signal,
    departures,
    resumeCommand: options.resumeCommand ?? 'the same command with --resume',
    async dispose() {
      try {
        await parts.dispose();
      } finally {
        await lock?.release();
      }
    },
  };
}
