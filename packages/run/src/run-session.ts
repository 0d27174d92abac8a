import { isAbsolute, join, resolve } from 'node:path';
import type { Logger, Model } from '@nlakit/core';
import { createEventLog, type EventLog } from './event-log.js';
import type { EvaluatorSlot } from './run-config.js';
import { resolveRun, checkSource, type RunHost, type RunPreparation } from './resolve-run.js';
import { applyOverrides, type ConfigOverride } from './config-source.js';
import { differences } from './resolved-run.js';
import { runLayout, type RunLayout } from './run-layout.js';
import { holdBaseModel } from './base-model.js';
import { createRunParts, type RunParts } from './run-parts.js';
import { openRunFolder, readRunRecord, type RunRecord } from './run-record.js';

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
  dispose(): Promise<void>;
}

/** What a session needs from its host. */
export interface SessionOptions {
  readonly host?: RunHost;
  readonly log?: Logger;
  readonly signal?: AbortSignal;
  readonly resumeCommand?: string;
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
 * working directory.
 * Throws what {@link resolveRun} and {@link openRunFolder} throw; nothing heavy is loaded.
 */
export async function startSession(
  configFile: string,
  options: SessionOptions & {
    readonly runFolder?: string;
    readonly runsFolder?: string;
    readonly overrides?: readonly ConfigOverride[];
  } = {},
): Promise<RunSession> {
  const preparation = await resolveRun(configFile, options.host, options.overrides);
  const folder = resolve(options.runFolder ?? join(options.runsFolder ?? 'runs', preparation.resolved.name));
  const record = await openRunFolder(folder, preparation);
  return session(folder, record, preparation, options, []);
}

/**
 * Opens an existing run for evaluation, explanation or publishing, from its `run.json` alone; `evaluators` are added to its own. What
 * differs from the record, by an override or a plugin of another version, is reported as a warning and kept as `departures`.
 */
export async function reopenSession(
  runFolder: string,
  options: SessionOptions & { readonly overrides?: readonly ConfigOverride[]; readonly evaluators?: readonly EvaluatorSlot[] } = {},
): Promise<RunSession> {
  const folder = resolve(runFolder);
  const record = await readRunRecord(folder);
  const preparation = await prepareFromRecord(folder, record, options.host ?? {}, options.overrides, options.evaluators);
  const { resolved } = preparation;
  const departures = differences(record, {
    ...resolved,
    // The run has its own copy of a reconstructor it took over, and added evaluators change nothing that was made.
    ...(record.reconstructor === undefined ? {} : { reconstructor: record.reconstructor }),
    evaluators: resolved.evaluators.slice(0, record.evaluators.length),
  });
  if (departures.length > 0) options.log?.warn(`Not as in the run's record: ${departures.join('; ')}`);
  return session(folder, record, preparation, options, departures);
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

function session(
  folder: string,
  record: RunRecord,
  preparation: RunPreparation,
  options: SessionOptions,
  departures: readonly string[],
): RunSession {
  const layout = runLayout(folder);
  const log = options.log ?? silentLogger;
  const signal = options.signal ?? new AbortController().signal;
  const parts = createRunParts({
    plugins: preparation.plugins,
    seed: record.seed,
    baseFolder: preparation.configFolder,
    signal,
    log,
    checkModel: (model) => holdBaseModel(folder, model.spec),
  });
  return {
    record,
    layout,
    parts,
    preparation,
    events: createEventLog(layout.eventsFile),
    log,
    signal,
    departures,
    resumeCommand: options.resumeCommand ?? 'the same command with --resume',
    dispose: () => parts.dispose(),
  };
}
