import { join } from 'node:path';
import type { Estimate, JsonValue } from '@nlakit/core';
import { openRun, type OpenedRun, type ResolvedSlot, type RunRecord, type StoredEvaluation } from '@nlakit/run';
import { readSidecar } from '@nlakit/sidecar';
import { withoutMachinePaths } from './machine-paths.js';
import type { ConditionPoint, DifferencePoint, ExampleRow, HealthPoint, ReportData, StepEvaluation, StepPoint } from './report-data.js';
import { stepTrends } from './step-trends.js';

/** How many examples a report shows. */
const EXAMPLE_COUNT = 12;

/** Reads everything a report shows from a run folder. What is not there is left out. Throws `E_RUN_MISSING` for any other folder. */
export async function readReportData(folder: string): Promise<ReportData> {
  const run = await openRun(folder);
  const steps: StepPoint[] = [];
  const health: HealthPoint[] = [];
  const warnings = new Set<string>();
  for (const event of await run.events()) {
    if ('warning' in event) warnings.add(event.warning.message);
    if (event.stage !== 'train') continue;
    if (event.type === 'step') {
      const loss = event.figures['loss'];
      if (loss !== undefined) steps.push({ role: event.role, step: event.step, loss });
    }
    if (event.type === 'checkpoint' && event.reason === 'save') health.push({ role: event.role, step: event.step, figures: event.health });
  }
  const { record } = run;
  const stored = (await run.evaluations()).sort((a, b) => a.step - b.step);
  const compared = stored.flatMap((evaluation) => stepEvaluation(evaluation));
  // Two evaluators in one figure would look like one trajectory; the first of the config has the figures.
  const first = record.evaluators.map(({ id }) => id).find((id) => compared.some(({ evaluator }) => evaluator === id));
  const evaluations = compared.filter(({ evaluator }) => evaluator === (first ?? compared[0]?.evaluator));
  return {
    name: record.name,
    ...(await baseOf(run)),
    seed: record.seed,
    facts: await factsOf(run),
    steps,
    health,
    evaluations,
    trends: stepTrends(
      stored.filter(({ id }) => id === evaluations[0]?.evaluator),
      ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY'],
      record.seed,
    ),
    others: stored
      .filter(({ id, step }) => !evaluations.some((shown) => shown.evaluator === id && shown.step === step))
      .map(({ id, step, headline }) => ({ evaluator: id, step, headline })),
    warnings: [...warnings].map((warning) => withoutMachinePaths(warning) as string),
    configuration: configurationOf(record),
  };
}

function stepEvaluation(stored: StoredEvaluation): StepEvaluation[] {
  const conditions = conditionPoints(stored);
  if (conditions.length === 0) return [];
  return [
    {
      evaluator: stored.id,
      step: stored.step,
      rows: stored.rows.length,
      ...numbersAt(stored.summary, { threshold: 'threshold' }),
      conditions,
      differences: differencePoints(stored),
      headline: stored.headline,
      examples: exampleRows(stored),
    },
  ];
}

function conditionPoints({ step, summary }: StoredEvaluation): ConditionPoint[] {
  return Object.entries(objectAt(summary, 'conditions')).flatMap(([condition, value]) => {
    const cosine = estimate(objectAt(value, 'cosine'));
    if (cosine === undefined) return [];
    const figures = numbersAt(value, {
      fve: 'fveNrm',
      constantFve: 'constantFveNrm',
      n: 'n',
      median: 'median',
      sd: 'sd',
      shareAbove: 'shareAbove',
    });
    return [{ step, condition, cosine, meaning: textOf(objectAt(value, '')['meaning']), ...figures }];
  });
}

function differencePoints({ step, summary }: StoredEvaluation): DifferencePoint[] {
  return Object.entries(objectAt(summary, 'differences')).flatMap(([against, value]) => {
    const difference = estimate(objectAt(value, ''));
    if (difference === undefined) return [];
    const corrected = numbersAt(objectAt(objectAt(summary, 'family'), against), { pCorrected: 'pHolm' });
    return [{ step, against, difference, ...numbersAt(value, { n: 'n', p: 'p', dZ: 'dZ' }), ...corrected }];
  });
}

/** Rows evenly spaced by their cosine, best first: a table of the best ones alone would mislead. */
function exampleRows({ rows }: StoredEvaluation): ExampleRow[] {
  const all = rows.flatMap((row): ExampleRow[] => {
    const cosine = numberAt(row['cosines'], 'AV_OUT');
    if (cosine === undefined) return [];
    const shuffled = numberAt(row['cosines'], 'SHUFFLED');
    return [
      {
        text: textOf(row['text']),
        token: textOf(row['token']),
        gold: textOf(row['gold']),
        verbalized: typeof row['explanation'] === 'string' ? row['explanation'] : textOf(row['output']),
        cosine,
        ...(shuffled === undefined ? {} : { shuffledCosine: shuffled }),
      },
    ];
  });
  all.sort((a, b) => b.cosine - a.cosine);
  const count = Math.min(EXAMPLE_COUNT, all.length);
  return Array.from({ length: count }, (_, index) => all[Math.round((index * (all.length - 1)) / Math.max(1, count - 1))]).filter(
    (row) => row !== undefined,
  );
}

/** Base model and K, from the newest sidecar; from the config while nothing is trained yet. */
async function baseOf(run: OpenedRun): Promise<Pick<ReportData, 'baseModel' | 'layer'>> {
  const newest = (await run.steps('av')).at(-1);
  if (newest !== undefined) {
    const { baseModel, layer } = await readSidecar(join(run.layout.checkpoint('av', newest), 'nla_meta.yaml'));
    if (layer !== null) return { baseModel, layer };
  }
  const source = objectAt(run.record.model.options, '')['source'];
  return {
    baseModel: typeof source === 'string' ? source : run.record.model.name,
    layer: numberAt(run.record.model.options, 'layer') ?? 0,
  };
}

async function factsOf(run: OpenedRun): Promise<ReportData['facts']> {
  const { record } = run;
  const facts: [string, string][] = [];
  for (const [label, slot] of [
    ['Backend', record.backend],
    ['Quantizer', record.quantizer],
    ['Injector', record.injector],
    ['Dataset', record.dataset],
    ['AR trainer', record.trainers.ar],
    ['AV trainer', record.trainers.av],
  ] as const) {
    if (slot !== undefined) facts.push([label, `${slot.name} ${slot.version}${describeOptions(withoutMachinePaths(slot.given))}`]);
  }
  for (const [label, split] of [
    ['AV training rows', 'avSft'],
    ['AR training rows', 'arSft'],
    ['Held-out rows', 'heldOut'],
  ] as const) {
    const found = run.split(split);
    if (found !== undefined) facts.push([label, String(found.rows)]);
  }
  facts.push(['Seed', String(record.seed)], ['Run hash', record.hash], ['Created', record.createdAt]);
  facts.push([
    'Machine',
    `${record.machine.cpu}, ${record.machine.cores} cores, Node ${record.machine.node.replace(/^v/, '')}, ${record.machine.platform}`,
  ]);
  for (const role of ['ar', 'av'] as const) {
    const seconds = (await run.events())
      .filter((event) => event.stage === 'train' && event.type === 'step' && event.role === role)
      .reduce((sum, event) => sum + (('figures' in event ? event.figures['seconds'] : undefined) ?? 0), 0);
    if (seconds > 0) facts.push([`${role.toUpperCase()} training time`, `${seconds.toFixed(0)} s`]);
  }
  return facts;
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

function estimate(value: Readonly<Record<string, JsonValue>>): Estimate | undefined {
  const { value: centre, low, high } = value;
  return typeof centre === 'number' && typeof low === 'number' && typeof high === 'number' ? { value: centre, low, high } : undefined;
}

/** The object under `key`, or `value` itself for the empty key; an empty object where there is none. */
function objectAt(value: JsonValue | undefined, key: string): Readonly<Record<string, JsonValue>> {
  const isObject = (item: unknown): item is Readonly<Record<string, JsonValue>> =>
    typeof item === 'object' && item !== null && !Array.isArray(item);
  if (!isObject(value)) return {};
  if (key === '') return value;
  const inner = value[key];
  return isObject(inner) ? inner : {};
}

function numberAt(value: JsonValue | undefined, key: string): number | undefined {
  const found = objectAt(value, '')[key];
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** Those of the figures that are there, under the names they have here: `{ here: 'there' }`. */
function numbersAt<Name extends string>(
  value: JsonValue | undefined,
  names: Readonly<Record<Name, string>>,
): Partial<Record<Name, number>> {
  const found: Partial<Record<Name, number>> = {};
  for (const [here, there] of Object.entries(names) as [Name, string][]) {
    const number = numberAt(value, there);
    if (number !== undefined) found[here] = number;
  }
  return found;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
