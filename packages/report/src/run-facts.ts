import type { Figures, GuardReport, JsonValue } from '@nlakit/core';
import type { OpenedRun, ResolvedSlot, RunRecord } from '@nlakit/run';
import type { CardLicense } from './card/front-matter.js';
import type { DataLicense } from './card/data-licenses.js';
import { withoutMachinePaths } from './machine-paths.js';
import { objectAt } from './read-json.js';
import type { StepTrend } from './step-trends.js';

/** Name of the file beside a card that holds what the report takes from a run's events and settings, which are not published themselves. */
export const REPORT_DATA_FILE = 'report-data.json';

/** Loss of one training step. */
export interface StepLoss {
  readonly step: number;
  readonly loss: number;
}

/** Figures measured at a save. */
export interface HealthPoint {
  readonly role: 'av' | 'ar';
  readonly step: number;
  readonly figures: Figures;
}

/** What training found about the length of activations when it began. */
export type GuardPoint = GuardReport & { readonly role: 'av' | 'ar'; readonly override: boolean };

/** What a report takes from events and settings of a run. With evaluations and sidecars it makes the report again, without the run. */
export interface RunFacts {
  readonly schema: 1;
  readonly name: string;
  readonly baseModel: string;
  /** K: vectors are the output of this block, counted from 0. */
  readonly layer: number;
  readonly seed: number;
  readonly runHash: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly nlakit: string;
  /** Plugins with the options that were given them, in display order: `['Quantizer', '@nlakit/quantizer-nf4 1.0.0 (blockSize 64)']`. */
  readonly settings: readonly (readonly [label: string, value: string])[];
  readonly machine: string;
  /** Whether all configured steps of the AV are trained. */
  readonly complete: boolean;
  /** Training time by role, in seconds. */
  readonly seconds: Readonly<Partial<Record<'av' | 'ar', number>>>;
  readonly splits: Readonly<Record<string, { readonly rows: number; readonly sha256: string }>>;
  readonly losses: Readonly<Record<'av' | 'ar', readonly StepLoss[]>>;
  readonly health: readonly HealthPoint[];
  readonly guards: readonly GuardPoint[];
  readonly warnings: readonly string[];
  /** How differences change over the steps that are not retracted. */
  readonly trends: readonly StepTrend[];
  /** The resolved configuration as a config file would hold it, without paths of the machine. */
  readonly configuration: JsonValue;
  /** Licence of the card, usually that of the base model. */
  readonly license: CardLicense | null;
  readonly dataLicenses: readonly DataLicense[];
  /** Ids of the evaluators in the order of the config. */
  readonly evaluators: readonly string[];
}

/** Takes the facts of a run from its record and events. */
export async function factsOfRun(
  run: OpenedRun,
  base: Pick<RunFacts, 'baseModel' | 'layer'>,
): Promise<Omit<RunFacts, 'trends' | 'license' | 'dataLicenses'>> {
  const { record } = run;
  const losses: Record<'av' | 'ar', StepLoss[]> = { av: [], ar: [] };
  const seconds: Partial<Record<'av' | 'ar', number>> = {};
  const health: HealthPoint[] = [];
  const guards: GuardPoint[] = [];
  const warnings = new Set<string>();
  let complete = false;
  for (const event of await run.events()) {
    if ('warning' in event) warnings.add(event.warning.message);
    if (event.stage !== 'train') continue;
    if (event.role === 'av') complete = event.type === 'done';
    if (event.type === 'step') {
      const { loss, seconds: taken } = event.figures;
      if (loss !== undefined) losses[event.role].push({ step: event.step, loss });
      if (taken !== undefined) seconds[event.role] = (seconds[event.role] ?? 0) + taken;
    }
    if (event.type === 'checkpoint' && event.reason === 'save') health.push({ role: event.role, step: event.step, figures: event.health });
    if (event.type === 'guard') guards.push({ role: event.role, override: event.override, ...event.guard });
  }
  const { cpu, cores, node, platform } = record.machine;
  return {
    schema: 1,
    name: record.name,
    ...base,
    seed: record.seed,
    runHash: record.hash,
    createdAt: record.createdAt,
    nlakit: record.nlakit,
    settings: settingsOf(record),
    machine: `${cpu}, ${cores} cores, Node ${node.replace(/^v/, '')}, ${platform}`,
    complete,
    seconds,
    splits: Object.fromEntries(
      (['avSft', 'arSft', 'heldOut'] as const).flatMap((name) => {
        const split = run.split(name);
        return split === undefined ? [] : [[name, { rows: split.rows, sha256: split.sha256 }]];
      }),
    ),
    losses,
    health,
    // Of a run that was trained again from its beginning, the last word counts.
    guards: (['ar', 'av'] as const).flatMap((role) => guards.filter((guard) => guard.role === role).slice(-1)),
    warnings: [...warnings].map((warning) => withoutMachinePaths(warning) as string),
    configuration: configurationOf(record),
    evaluators: record.evaluators.map(({ id }) => id),
  };
}

function settingsOf(record: RunRecord): RunFacts['settings'] {
  const slots = [
    ['Backend', record.backend],
    ['Quantizer', record.quantizer],
    ['Injector', record.injector],
    ['Dataset', record.dataset],
    ['AR trainer', record.trainers.ar],
    ['AV trainer', record.trainers.av],
  ] as const;
  return slots.flatMap(([label, slot]) =>
    slot === undefined ? [] : [[label, `${slot.name} ${slot.version}${describeOptions(withoutMachinePaths(slot.given))}`] as const],
  );
}

function describeOptions(options: JsonValue): string {
  const parts = Object.entries(objectAt(options, '')).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function configurationOf(record: RunRecord): JsonValue {
  const slot = (one: ResolvedSlot | undefined): JsonValue | undefined =>
    one && { use: one.use, ...(Object.keys(objectAt(one.options, '')).length === 0 ? {} : { options: one.options }) };
  const { backend, quantizer, model, injector, dataset, trainers, reconstructor, evaluators, seed, name } = record;
  const config = {
    schema: 1,
    name,
    seed,
    backend: slot(backend),
    quantizer: slot(quantizer),
    model: slot(model),
    injector: slot(injector),
    dataset: slot(dataset),
    trainers: { ar: slot(trainers.ar), av: slot(trainers.av) },
    reconstructor: reconstructor?.path,
    evaluators: evaluators.map((one) => ({ id: one.id, ...objectAt(slot(one), '') })),
  };
  // What is absent is left out on the way through JSON.
  return withoutMachinePaths(JSON.parse(JSON.stringify(config)) as JsonValue);
}
