import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NlaError, type Evaluation, type JsonValue } from '@nlakit/core';
import { canonicalJson } from './canonical-json.js';
import { isFolder, namesIn, sha256File, writeFileAtomically } from './file-writing.js';
import { interruption } from './interruption.js';
import { readRetractions, retractionWarning } from './retractions.js';
import { stepName, stepOfName } from './run-layout.js';
import type { RunSession } from './run-session.js';
import { createSeedStreams } from './seed-streams.js';

/** An evaluation as stored: rows, summary, and what it was made from. No times: the same measurement gives the same bytes. */
export interface StoredEvaluation extends Evaluation {
  /** Id of the evaluator in the config. */
  readonly id: string;
  readonly run: string;
  readonly runHash: string;
  /** sha256 of the sidecars of the measured step and of the reconstructor; they hold the hashes of the weights. */
  readonly checkpoint: { readonly step: number; readonly sha256: string };
  readonly reconstructor: { readonly step: number; readonly sha256: string };
  readonly requestedRows: number | null;
  readonly options: JsonValue;
  /** Settings other than the run's that it was measured with. */
  readonly departures?: readonly string[];
}

/** Which evaluations are wanted. */
export interface EvalStageOptions {
  /** Id or plugin name of one evaluator; all when absent. */
  readonly evaluator?: string;
  /** In place of the evaluator's `at` option. */
  readonly steps?: readonly number[];
  /** In place of the evaluator's number of rows. */
  readonly rows?: number;
}

/** An evaluation with its file. */
export interface EvalResult {
  readonly file: string;
  readonly evaluation: StoredEvaluation;
  readonly skipped: boolean;
}

/**
 * Measures trajectory steps from disk, unless the stored result was made from the same run, checkpoints and rows. An evaluator's `at`
 * option chooses the steps; without it every step is measured.
 * Throws `E_EVALUATOR_UNKNOWN`, `E_STEP_MISSING`, `E_INTERRUPTED` and the evaluators' errors.
 */
export async function runEvalStage(session: RunSession, options: EvalStageOptions = {}): Promise<EvalResult[]> {
  const { layout, record, parts, events, log, signal } = session;
  // Those of this session: a run is never edited, but it can be measured again with other rows or by an evaluator it did not have.
  const { evaluators } = session.preparation.resolved;
  const departures = session.departures.filter((change) => !change.startsWith('evaluators.'));
  const wanted = evaluators.filter(({ id, name, use }) => options.evaluator === undefined || [id, name, use].includes(options.evaluator));
  if (options.evaluator !== undefined && wanted.length === 0) {
    throw new NlaError('E_EVALUATOR_UNKNOWN', {
      message: 'The run has no evaluator of that name.',
      found: options.evaluator,
      expected: evaluators.map(({ id, name }) => `${id} (${name})`).join(', ') || 'none are configured',
      fix: 'Name one of these, or a plugin to be added.',
      kind: 'input',
    });
  }
  const available = await stepsOf(layout.checkpoints('av'));
  const reconstructorStep = (await stepsOf(layout.checkpoints('ar'))).at(-1);
  if (wanted.length > 0 && reconstructorStep === undefined)
    throw stepMissing('No reconstructor is trained yet.', layout.checkpoints('ar'), []);
  if (wanted.length > 0 && available.length === 0) throw stepMissing('No verbalizer is trained yet.', layout.checkpoints('av'), []);
  const results: EvalResult[] = [];
  const { steps: retracted } = await readRetractions(layout.folder);
  const told = new Set<number>();
  for (const slot of wanted) {
    const steps = options.steps ?? stepsFromOptions(slot.options) ?? available;
    for (const step of steps) {
      if (!available.includes(step)) {
        if (options.steps !== undefined) throw stepMissing(`Step ${step} is not in the trajectory.`, layout.checkpoints('av'), available);
        const warning = { code: 'W_STEP_MISSING', message: `${slot.id} is to measure step ${step}, which the trajectory does not have.` };
        log.warn(warning.message);
        await events.append({ stage: 'eval', type: 'warning', evaluator: slot.id, step, warning });
        continue;
      }
      if (reconstructorStep === undefined) continue;
      const file = layout.evaluation(slot.id, step);
      const stepFolder = layout.checkpoint('av', step);
      const reconstructorFolder = layout.checkpoint('ar', reconstructorStep);
      const checkpoint = { step, sha256: await sha256File(join(stepFolder, 'nla_meta.yaml')) };
      const reconstructor = { step: reconstructorStep, sha256: await sha256File(join(reconstructorFolder, 'nla_meta.yaml')) };
      const before = await readEvaluation(file);
      if (
        before?.runHash === record.hash &&
        before.checkpoint.sha256 === checkpoint.sha256 &&
        before.reconstructor.sha256 === reconstructor.sha256 &&
        before.version === slot.version &&
        before.requestedRows === (options.rows ?? null) &&
        canonicalJson(before.options) === canonicalJson(slot.options) &&
        canonicalJson(before.departures ?? []) === canonicalJson(departures)
      ) {
        results.push({ file, evaluation: before, skipped: true });
        continue;
      }
      if (signal.aborted) throw interruption(`${results.length} evaluations are stored`, session.resumeCommand);
      const retraction = retracted.get(step);
      if (retraction !== undefined && !told.has(step)) {
        told.add(step);
        const { code, message } = retractionWarning(retraction);
        log.warn(`${code}: ${message}`);
      }

      const started = performance.now();
      const found = (await parts.evaluators()).find(({ id }) => id === slot.id);
      if (found === undefined) throw new Error(`The evaluator ${slot.id} was not created.`);
      const replaced = before === undefined ? '' : ` (in place of an earlier evaluation of ${before.rows.length} rows)`;
      log.info(`${slot.id}: measuring ${stepName(step)}${replaced}`);
      const model = await parts.model();
      let evaluation: Evaluation;
      try {
        evaluation = await found.evaluator.evaluate({
          model,
          injector: await parts.injector(),
          dataset: await parts.dataset(),
          dataFolder: layout.dataFolder,
          stepFolder,
          reconstructorFolder,
          ...(options.rows === undefined ? {} : { rows: options.rows }),
          seeds: createSeedStreams(record.seed),
          signal,
          log,
        });
      } catch (error) {
        if (signal.aborted) throw interruption(`${results.length} evaluations are stored`, session.resumeCommand);
        throw error;
      } finally {
        model.adapt(null);
      }
      const seconds = (performance.now() - started) / 1000;
      const stored: StoredEvaluation = {
        ...evaluation,
        id: slot.id,
        run: record.name,
        runHash: record.hash,
        checkpoint,
        reconstructor,
        requestedRows: options.rows ?? null,
        options: slot.options,
        ...(departures.length === 0 ? {} : { departures }),
      };
      await writeFileAtomically(file, `${JSON.stringify(stored, null, 1)}\n`);
      await events.append({ stage: 'eval', type: 'evaluation', evaluator: slot.id, step, headline: evaluation.headline, seconds });
      for (const warning of evaluation.warnings) {
        log.warn(`${warning.code}: ${warning.message}`);
        await events.append({ stage: 'eval', type: 'warning', evaluator: slot.id, step, warning });
      }
      results.push({ file, evaluation: stored, skipped: false });
    }
  }
  return results;
}

/** Steps whose folders (or files) lie in `folder`, ascending. */
export async function stepsOf(folder: string): Promise<number[]> {
  return (await namesIn(folder)).map(stepOfName).filter((step) => step !== undefined);
}

/** Reads a stored evaluation; undefined where there is none. */
export async function readEvaluation(file: string): Promise<StoredEvaluation | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as StoredEvaluation;
  } catch {
    // Written atomically, so an unreadable file was not written here; it is measured again.
    return undefined;
  }
}

/** Whether `path` is a step folder of a trajectory or reconstructor. */
export async function isStepFolder(path: string): Promise<boolean> {
  return (await isFolder(path)) && (await namesIn(path)).includes('nla_meta.yaml');
}

function stepsFromOptions(options: JsonValue): readonly number[] | undefined {
  if (typeof options !== 'object' || options === null || !('at' in options)) return undefined;
  const { at } = options;
  return Array.isArray(at) ? at.filter((step): step is number => typeof step === 'number') : undefined;
}

function stepMissing(message: string, folder: string, available: readonly number[]): NlaError {
  return new NlaError('E_STEP_MISSING', {
    message,
    file: folder,
    expected: available.length === 0 ? 'at least one step folder' : `one of ${available.join(', ')}`,
    fix: available.length === 0 ? 'Train first: `nla train`.' : 'Name steps that are there, or train on.',
    kind: 'input',
  });
}
