import type { JsonValue } from '@nlakit/core';
import { parseRetractions, readRetractions, stepName, type Retractions, type StoredEvaluation } from '@nlakit/run';
import type { CardLicense } from './card/front-matter.js';
import { dataLicensesOf, type DataLicense } from './card/data-licenses.js';
import { exampleRows } from './example-rows.js';
import type { OpenedResults } from './open-results.js';
import { estimateIn, numberAt, objectAt, textIn } from './read-json.js';
import type { ReleaseView } from './release-view.js';
import type { ConditionPoint, DifferencePoint, ReportData, RowCosines, StepEvaluation, StepFolder, StepHeadline } from './report-data.js';
import { factsOfRun, REPORT_DATA_FILE, type RunFacts } from './run-facts.js';
import { stepTrends } from './step-trends.js';
import { cellsOf } from './traced/cell.js';

/** What a report is told beside its files. What is not given is as in the report before. */
export interface ReportOptions {
  /** Licence stated in the card's front matter, usually that of the base model. Without it the card states none. */
  readonly license?: CardLicense;
  /** Licences of the data, in place of those that sidecars and known corpora say. */
  readonly dataLicenses?: readonly DataLicense[];
}

/** Conditions whose difference to AV_OUT is followed over the steps. */
const followed = ['SHUFFLED', 'SHUFFLED_SAME_TOKEN', 'EMPTY'];

/** Gathers everything a report shows from the files of a release and the facts of its run. What is not there is left out. */
export async function readReportData(results: OpenedResults, view: ReleaseView, options: ReportOptions = {}): Promise<ReportData> {
  const retractions = await readRetractions(results.folder);
  const stored = storedEvaluations(view);
  const steps = stepFolders(view, 'trajectory', retractions);
  const reconstructor = stepFolders(view, 'reconstructor', undefined).at(-1);
  const datasets = view.paths.filter((path) => /^data\/.*nla_meta\.yaml$/.test(path));
  const compared = stored.flatMap(({ file, evaluation }) => stepEvaluation(file, evaluation, retractions));
  const order = results.run?.record.evaluators.map(({ id }) => id) ?? results.facts?.evaluators ?? [];
  // Two evaluators in one figure would look like one trajectory; the first of the config has the figures.
  const first = order.find((id) => compared.some(({ evaluator }) => evaluator === id)) ?? compared[0]?.evaluator;
  const evaluations = compared.filter(({ evaluator }) => evaluator === first);
  const facts = await reportFacts(results, view, {
    options,
    steps,
    datasets,
    trends: (seed, before) => {
      const kept = stored.map(({ evaluation }) => evaluation).filter(({ id, step }) => id === first && !retractions.steps.has(step));
      const trends = stepTrends(kept, followed, seed);
      // Rows that were published without their texts have no ids to pair them by.
      return trends.length > 0 || retractions.history.length > 0 ? trends : before;
    },
  });
  const documents = (file: string): JsonValue | undefined =>
    file === REPORT_DATA_FILE ? (JSON.parse(JSON.stringify(facts)) as JsonValue) : view.documents(file);
  const once = memoized(documents);
  return {
    facts,
    steps,
    reconstructor,
    evaluations,
    others: stored
      .filter(({ evaluation: { id, step } }) => !evaluations.some((shown) => shown.evaluator === id && shown.step === step))
      .map(({ file, evaluation }) => headlineOf(file, evaluation, retractions)),
    retractions,
    datasets,
    paths: view.paths,
    cell: cellsOf(once),
    documents: once,
  };
}

/** Checks that a text holds retractions; the lint reads them from a release and not from a folder. */
export function retractionsIn(document: JsonValue | undefined): Retractions {
  return document === undefined ? parseRetractions('{"schema":1,"history":[]}', '') : parseRetractions(JSON.stringify(document), '');
}

function memoized(read: (file: string) => JsonValue | undefined): (file: string) => JsonValue | undefined {
  const known = new Map<string, JsonValue | undefined>();
  return (file) => {
    if (!known.has(file)) known.set(file, read(file));
    return known.get(file);
  };
}

async function reportFacts(
  results: OpenedResults,
  view: ReleaseView,
  context: {
    readonly options: ReportOptions;
    readonly steps: readonly StepFolder[];
    readonly datasets: readonly string[];
    readonly trends: (seed: number, before: RunFacts['trends']) => RunFacts['trends'];
  },
): Promise<RunFacts> {
  const { run, facts: before } = results;
  const { options, steps, datasets } = context;
  const given = options.dataLicenses ?? [];
  const sidecars = datasets.flatMap((file) => view.documents(file) ?? []);
  const found = dataLicensesOf(sidecars, given);
  const license = options.license ?? (run === undefined ? before?.license : undefined) ?? null;
  const dataLicenses = given.length === 0 && before !== undefined && before.dataLicenses.length > 0 ? before.dataLicenses : found;
  if (run === undefined) {
    if (before === undefined) throw new Error('A published folder was opened without the facts of its run.');
    return { ...before, trends: context.trends(before.seed, before.trends), license, dataLicenses };
  }
  const newest = objectAt(view.documents(steps.at(-1)?.sidecar ?? ''), '');
  const source = objectAt(run.record.model.options, '')['source'];
  const base = textIn(newest['base_checkpoint']);
  const made = await factsOfRun(run, {
    baseModel: base || (typeof source === 'string' ? source : run.record.model.name),
    layer: numberAt(newest, 'extraction_layer_index') ?? numberAt(run.record.model.options, 'layer') ?? 0,
  });
  return { ...made, trends: context.trends(made.seed, []), license, dataLicenses };
}

function stepFolders(view: ReleaseView, folder: string, retractions: Retractions | undefined): StepFolder[] {
  return view.paths.flatMap((path) => {
    const match = /^(\w+)\/step_(\d{6,})\/nla_meta\.yaml$/.exec(path);
    if (match?.[1] !== folder) return [];
    const step = Number(match[2]);
    return [{ step, sidecar: path, retracted: retractions?.steps.has(step) ?? false }];
  });
}

interface FiledEvaluation {
  readonly file: string;
  readonly evaluation: StoredEvaluation;
}

function storedEvaluations(view: ReleaseView): FiledEvaluation[] {
  return view.paths
    .flatMap((file): FiledEvaluation[] => {
      const match = /^eval\/([^/]+)\/(step_\d{6,})\.json$/.exec(file);
      const evaluation = match === null ? undefined : (view.documents(file) as unknown as StoredEvaluation | undefined);
      // What cannot be read was not written by nlakit, and is measured again.
      if (evaluation === undefined || stepName(evaluation.step) !== match?.[2] || !Array.isArray(evaluation.rows)) return [];
      return [{ file, evaluation }];
    })
    .sort((a, b) => a.evaluation.step - b.evaluation.step);
}

function headlineOf(file: string, { id, step, headline, columns }: StoredEvaluation, { steps }: Retractions): StepHeadline {
  return { evaluator: id, file, step, retracted: steps.has(step), headline, columns };
}

function stepEvaluation(file: string, stored: StoredEvaluation, retractions: Retractions): StepEvaluation[] {
  const conditions = Object.entries(objectAt(stored.summary, 'conditions')).flatMap(([condition, value]): ConditionPoint[] => {
    const cosine = estimateIn(objectAt(value, '')['cosine']);
    return cosine === undefined ? [] : [{ condition, cosine }];
  });
  if (conditions.length === 0) return [];
  const differences = Object.entries(objectAt(stored.summary, 'differences')).flatMap(([against, value]): DifferencePoint[] => {
    const difference = estimateIn(value);
    return difference === undefined ? [] : [{ against, difference }];
  });
  return [
    {
      ...headlineOf(file, stored, retractions),
      rows: stored.rows.length,
      conditions,
      differences,
      rho: numberAt(objectAt(stored.summary, 'baselines'), 'rho'),
      cosines: stored.rows.map((row) => cosinesOf(row['cosines'])),
      examples: exampleRows(stored.rows),
      checks: Object.keys(objectAt(stored.summary, 'checks')),
    },
  ];
}

function cosinesOf(value: JsonValue | undefined): RowCosines {
  return Object.fromEntries(Object.entries(objectAt(value, '')).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}
