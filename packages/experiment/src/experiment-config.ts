import * as z from 'zod';

/** The effect that decides, and what it has to be. Stated before anything is measured. */
export interface PrimaryEffect {
  /** The figure in the first of two arms less that in the second, on the same rows. */
  readonly compare?: readonly [string, string];
  /** The slope of the figure: over the arms' `x`, or over the steps of one `arm`. */
  readonly trend?: 'factor' | 'step';
  /** The arm whose steps are meant; alone, the mean of the figure in that arm. */
  readonly arm?: string;
  /** Units of x that a slope is stated for: `100` for "per 100 steps". Default 1. */
  readonly per?: number;
  /** Met if the whole interval lies at or above this, not met if it lies below. */
  readonly atLeast?: number;
  /** Met if the whole interval lies at or below this, not met if it lies above. */
  readonly atMost?: number;
}

/** Values put into a config, by path: `trainers.av.options.steps: 40`. */
export type Settings = Readonly<Record<string, unknown>>;

/** One arm: runs of one setting, or a run that is there already. */
export interface ArmConfig {
  readonly id: string;
  /** What it is, in a few words. */
  readonly label?: string;
  /** A config of its own in place of the experiment's. */
  readonly config?: string;
  readonly set?: Settings;
  /** Folder of a finished run, in place of a config. */
  readonly run?: string;
  /** Where the arm stands on the experiment's factor. */
  readonly x?: number;
}

/** What an experiment file holds. */
export interface ExperimentConfig {
  readonly schema: 1;
  readonly name: string;
  readonly question: string;
  readonly hypothesis: string;
  /** Config that the arms start from; a path from the experiment's folder. */
  readonly config?: string;
  /** A run that is made first: its data, and the reconstructor that reads the words of all arms. `{shared}` in settings is its folder. */
  readonly shared?: { readonly config?: string; readonly set?: Settings };
  /** For every arm. */
  readonly set?: Settings;
  /** Each arm is made once with each of these; with the config's own seed when absent. */
  readonly seeds?: readonly number[];
  readonly arms: readonly ArmConfig[];
  readonly evaluator: { readonly id: string; readonly use: string; readonly options?: Readonly<Record<string, unknown>> };
  /** Steps to measure. The last one is compared between arms. Default: the last alone. */
  readonly steps?: 'last' | 'all' | readonly number[];
  /** What is compared: a number in the evaluator's rows, or a difference of two. */
  readonly figure: string;
  /** More numbers of the rows whose means are to stand in the table. */
  readonly also?: readonly string[];
  /** The arm that the others are compared with. Default: the first. */
  readonly reference?: string;
  /** What the arms' `x` are. */
  readonly factor?: { readonly name: string; readonly scale?: 'linear' | 'log2' };
  /** Refuse to compare arms that were read by different reconstructors. Default: true. */
  readonly matchedReconstructor?: boolean;
  readonly primary: PrimaryEffect;
  readonly analysis?: { readonly seed?: number; readonly bootstrap?: number; readonly permutations?: number };
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'Use letters, digits, dots, hyphens and underscores only; it becomes a folder.');
const path = z.string().min(1);
const settings = z.record(z.string().min(1), z.unknown());
const number = z.number();
const figure = z
  .string()
  .regex(
    /^[^\s.]+(\.[^\s.]+)*( - [^\s.]+(\.[^\s.]+)*)?$/,
    'Write a path in the rows, or two with " - " between them: cosines.AV_OUT - cosines.SHUFFLED.',
  );

const arm = z.strictObject({
  id: name,
  label: z.string().min(1).optional(),
  config: path.optional(),
  set: settings.optional(),
  run: path.optional(),
  x: number.optional(),
});
const shared = z.strictObject({ config: path.optional(), set: settings.optional() });
const evaluator = z.strictObject({ id: name, use: path, options: z.record(z.string(), z.unknown()).optional() });
const factor = z.strictObject({ name: z.string().min(1), scale: z.enum(['linear', 'log2']).optional() });
const analysis = z.strictObject({
  seed: z.int().min(0).optional(),
  bootstrap: z.int().min(100).optional(),
  permutations: z.int().min(100).optional(),
});
const primary = z.strictObject({
  compare: z.tuple([name, name]).optional(),
  trend: z.enum(['factor', 'step']).optional(),
  arm: name.optional(),
  per: z.number().positive().optional(),
  atLeast: number.optional(),
  atMost: number.optional(),
});

const shape = z.strictObject({
  schema: z.literal(1, 'The only schema known is 1.'),
  name,
  question: z.string().min(1),
  hypothesis: z.string().min(1),
  config: path.optional(),
  shared: shared.optional(),
  set: settings.optional(),
  seeds: z.array(z.int().min(0)).min(1).optional(),
  arms: z.array(arm).min(1),
  evaluator,
  steps: z.union([z.enum(['last', 'all']), z.array(z.int().min(0)).min(1)]).optional(),
  figure,
  also: z.array(figure).optional(),
  reference: name.optional(),
  factor: factor.optional(),
  matchedReconstructor: z.boolean().optional(),
  primary,
  analysis: analysis.optional(),
});

/** The shape of an experiment file, and that its parts refer to each other rightly. What the arms' configs hold is theirs. */
export const experimentSchema = shape.check((context) => {
  const config = context.value as ExperimentConfig;
  const fault = (message: string, at: PropertyKey[], input: unknown) => {
    context.issues.push({ code: 'custom', message, path: at, input });
  };
  const ids = config.arms.map(({ id }) => id);
  config.arms.forEach(({ id, run, config: own, set, x }, index) => {
    const at = ['arms', index];
    if (ids.indexOf(id) !== index) fault(`Two arms have the id "${id}".`, [...at, 'id'], id);
    if (id === 'shared' && config.shared !== undefined) fault('The shared run has this name.', [...at, 'id'], id);
    if (run !== undefined && (own !== undefined || set !== undefined)) {
      fault('An arm is either a finished run, or made by a config and its settings.', [...at, 'run'], run);
    }
    if (run === undefined && own === undefined && config.config === undefined) {
      fault('The arm has neither a config nor a run, and the experiment names no config.', [...at, 'id'], id);
    }
    if (config.factor?.scale === 'log2' && x !== undefined && x <= 0) fault('A logarithm needs a positive number.', [...at, 'x'], x);
  });
  if (config.shared !== undefined && config.shared.config === undefined && config.config === undefined) {
    fault('The shared run has no config.', ['shared'], config.shared);
  }
  const known = (id: string | undefined, at: PropertyKey[]) => {
    if (id !== undefined && !ids.includes(id)) fault(`There is no arm "${id}"; there are ${ids.join(', ')}.`, at, id);
  };
  known(config.reference, ['reference']);
  const { compare, trend, arm: only, atLeast, atMost } = config.primary;
  compare?.forEach((id, place) => {
    known(id, ['primary', 'compare', place]);
  });
  if (compare !== undefined && compare[0] === compare[1]) fault('An arm cannot be compared with itself.', ['primary', 'compare'], compare);
  known(only, ['primary', 'arm']);
  if ((atLeast === undefined) === (atMost === undefined)) {
    fault('State one threshold: atLeast or atMost.', ['primary'], config.primary);
  }
  const kinds = [compare !== undefined, trend === 'factor', only !== undefined].filter(Boolean).length;
  if (kinds !== 1 || (trend === 'step' && only === undefined)) {
    fault('Name one effect: compare: [arm, arm]; trend: factor; trend: step with an arm; or an arm alone.', ['primary'], config.primary);
  }
  if (trend === 'factor') {
    const places = config.arms.flatMap(({ x }) => (x === undefined ? [] : [x]));
    if (config.factor === undefined) fault('A trend over the factor needs `factor: { name: … }`.', ['primary', 'trend'], trend);
    if (new Set(places).size < 2) fault('A trend over the factor needs two arms with different x.', ['primary', 'trend'], trend);
  }
  if (trend === 'step' && (config.steps === undefined || config.steps === 'last')) {
    fault('A trend over steps needs several: `steps: all`, or a list.', ['primary', 'trend'], trend);
  }
});

/** The keys known at a place of an experiment file, for suggestions. */
export function knownKeys(at: readonly PropertyKey[]): readonly string[] {
  const parts: Readonly<Record<string, z.ZodObject>> = { arms: arm, shared, evaluator, factor, analysis, primary };
  return Object.keys((at.length === 0 ? shape : (parts[String(at[0])] ?? shape)).shape);
}
