import { basename } from 'node:path';
import { mean } from '@nlakit/metrics';
import { differences, machineFacts, nlakitVersion } from '@nlakit/run';
import type { ExperimentConfig } from './experiment-config.js';
import { measureEffects, primaryName, statisticsOf, type Effect } from './effects.js';
import type { ArmResult, ExperimentResult } from './experiment-result.js';
import type { Cell, Measurement } from './measurement.js';
import type { Registration } from './registration.js';
import { verdict } from './verdict.js';

/** Puts an experiment's result together from what was measured. */
export function summarizeExperiment(config: ExperimentConfig, measurement: Measurement, registration: Registration): ExperimentResult {
  const { cells } = measurement;
  const effects = measureEffects(measurement, config);
  const reference = config.reference ?? config.arms[0]?.id ?? '';
  const first = cells.find(({ arm }) => arm === reference);
  const arms = config.arms.map((arm): ArmResult => {
    const own = cells.filter((cell) => cell.arm === arm.id);
    const steps = [...new Set(own.map(({ step }) => step))];
    const last = own.filter(({ step }) => step === steps.at(-1));
    return {
      id: arm.id,
      label: arm.label ?? arm.id,
      x: arm.x ?? null,
      existing: arm.run !== undefined,
      steps,
      also: Object.fromEntries((config.also ?? []).map((name) => [name, mean(last.flatMap(({ also }) => also[name] ?? []))])),
      runs: last.map(({ folder, record }) => {
        const ofRun = own.filter((cell) => cell.folder === folder);
        return {
          name: basename(folder),
          seed: record.seed,
          hash: record.hash,
          createdAt: record.createdAt,
          nlakit: record.nlakit,
          differences: first === undefined ? [] : differences(first.record, record).filter((change) => !change.startsWith('name: ')),
          evaluations: ofRun.map(({ step, evaluation, evaluationSha256, seconds }) => ({
            step,
            checkpoint: evaluation.checkpoint.sha256,
            reconstructor: evaluation.reconstructor.sha256,
            evaluator: evaluation.evaluator,
            version: evaluation.version,
            rows: evaluation.rows.length,
            sha256: evaluationSha256,
            seconds: seconds.evaluation,
          })),
          trainingSeconds: ofRun[0]?.seconds.training ?? 0,
        };
      }),
    };
  });
  return {
    schema: 1,
    name: config.name,
    question: config.question,
    hypothesis: config.hypothesis,
    figure: config.figure,
    primary: decide(config, effects),
    registration,
    reference,
    ...(config.factor === undefined ? {} : { factor: config.factor }),
    arms,
    effects,
    statistics: { ...statisticsOf(config), resampled: 'documents', streams: 'experiment.<effect>' },
    warnings: warningsOf(config, measurement, effects),
    rows: storedRows(config, measurement),
    nlakit: nlakitVersion,
    machine: machineFacts(),
  };
}

function decide({ primary }: ExperimentConfig, effects: readonly Effect[]): ExperimentResult['primary'] {
  const name = primaryName(primary);
  const effect = effects.find((one) => one.name === name);
  if (effect === undefined) throw new Error(`The effect ${name} was not measured.`);
  const per = primary.trend === undefined ? 1 : (primary.per ?? 1);
  const scaled = { value: per * effect.value, low: per * effect.low, high: per * effect.high };
  const reaches = (value: number) => (primary.atLeast === undefined ? value <= (primary.atMost ?? Infinity) : value >= primary.atLeast);
  return {
    effect: name,
    per,
    ...(primary.atLeast === undefined ? {} : { atLeast: primary.atLeast }),
    ...(primary.atMost === undefined ? {} : { atMost: primary.atMost }),
    ...scaled,
    p: effect.p,
    verdict: verdict(scaled, primary),
    seeds:
      effect.bySeed.length < 2 ? null : { on: effect.bySeed.filter(({ value }) => reaches(per * value)).length, of: effect.bySeed.length },
  };
}

function warningsOf(config: ExperimentConfig, { cells }: Measurement, effects: readonly Effect[]): ExperimentResult['warnings'] {
  const warnings: { code: string; message: string }[] = [];
  for (const { name, n } of effects.filter((effect) => !effect.name.startsWith('mean.'))) {
    const most = Math.max(...cells.map(({ values }) => values.size));
    if (n < most) {
      const message = `${name} rests on ${n} rows: others of the ${most} are not in all of its runs.`;
      warnings.push({ code: 'W_EXPERIMENT_ROWS', message });
    }
  }
  if ((config.seeds?.length ?? 1) < 2 && config.arms.some(({ run }) => run === undefined)) {
    const message = 'Every arm was trained once: intervals are over rows and say nothing of how much another seed would change.';
    warnings.push({ code: 'W_EXPERIMENT_ONE_SEED', message });
  }
  const existing = config.arms.filter(({ run }) => run !== undefined).map(({ id }) => id);
  if (existing.length > 0) {
    const message = `Runs that were there before (${existing.join(', ')}) may have been looked at before the threshold was stated.`;
    warnings.push({ code: 'W_EXPERIMENT_EXISTING', message });
  }
  const versions = new Set(cells.map(({ evaluation }) => `${evaluation.evaluator} ${evaluation.version}`));
  if (versions.size > 1)
    warnings.push({ code: 'W_EXPERIMENT_EVALUATORS', message: `Arms were measured by ${[...versions].join(' and ')}.` });
  return warnings;
}

function storedRows(config: ExperimentConfig, { cells, documents }: Measurement): ExperimentResult['rows'] {
  const byStep = (own: readonly Cell[], id: string) => {
    const steps: Record<string, (number | null)[]> = {};
    for (const { step, values } of own) (steps[step] ??= []).push(values.get(id) ?? null);
    return steps;
  };
  return [...documents].map(([id, documentId]) => ({
    id,
    documentId,
    values: Object.fromEntries(
      config.arms.map((arm) => [
        arm.id,
        byStep(
          cells.filter((cell) => cell.arm === arm.id),
          id,
        ),
      ]),
    ),
  }));
}
