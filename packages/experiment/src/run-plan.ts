import { dirname, join, relative, resolve } from 'node:path';
import { isNlaError, NlaError } from '@nlakit/core';
import {
  checkConfig,
  differences,
  finishedResult,
  firstIssue,
  openRun,
  readEvaluation,
  readManifest,
  readRunRecord,
  resolveRun,
  runLayout,
  stepName,
  stepsOf,
  type ConfigOverride,
  type RunHost,
} from '@nlakit/run';
import type { ArmConfig, ExperimentConfig, Settings } from './experiment-config.js';
import type { ExperimentFile } from './read-experiment.js';

/**
 * How far a run is: `done` and nothing will be done to it, `begun`, `new`, `measure` (trained, but steps are not measured yet), or `waits`
 * for the shared run.
 */
export type RunState = 'done' | 'begun' | 'new' | 'measure' | 'waits';

/** A run that an experiment consists of. */
export interface PlannedRun {
  /** Id of the arm; `shared` for the shared run. */
  readonly arm: string;
  readonly role: 'shared' | 'arm' | 'existing';
  /** The seed that the experiment sets; null where it leaves the config's own. */
  readonly seed: number | null;
  /** Absolute path. */
  readonly folder: string;
  /** Absolute; absent for a run that was there before. */
  readonly configFile?: string;
  readonly overrides: readonly ConfigOverride[];
  readonly state: RunState;
}

/** Where runs and host are. */
export interface PlanOptions {
  /** Folder of the experiment's runs. */
  readonly runFolder: string;
  readonly host: RunHost;
  /** Settings of the command line, for every run that is made. */
  readonly overrides?: readonly ConfigOverride[];
}

/**
 * The runs of an experiment, in the order in which they are made, with how far each is. Nothing is written, no weights are loaded.
 * Throws what is wrong with a config, `E_RUN_EXISTS` where a folder holds another run, `E_RUN_MISSING` for an arm that names no run.
 */
export async function planRuns({ config, folder }: ExperimentFile, options: PlanOptions): Promise<PlannedRun[]> {
  const planned: PlannedRun[] = [];
  const sharedFolder = join(options.runFolder, 'shared');
  let waiting = false;
  if (config.shared !== undefined) {
    const configFile = resolve(folder, config.shared.config ?? config.config ?? '');
    const overrides: ConfigOverride[] = [
      { path: 'name', value: `${config.name}-shared` },
      { path: 'evaluators', value: [] },
      // Taken out: only its data and its reconstructor are wanted.
      { path: 'trainers.av', value: undefined },
      ...overridesOf(config.shared.set),
      ...(options.overrides ?? []),
    ];
    const state = await stateOfShared(configFile, overrides, sharedFolder, options.host);
    waiting = state !== 'done';
    planned.push({ arm: 'shared', role: 'shared', seed: null, folder: sharedFolder, configFile, overrides, state });
  }
  for (const arm of config.arms) {
    if (arm.run !== undefined) {
      const existing = resolve(folder, arm.run);
      await readRunRecord(existing);
      planned.push({
        arm: arm.id,
        role: 'existing',
        seed: null,
        folder: existing,
        overrides: [],
        state: (await allMeasured(existing, config)) ? 'done' : 'measure',
      });
      continue;
    }
    for (const seed of config.seeds ?? [null])
      planned.push(await planArm(arm, seed, { config, folder, sharedFolder, waiting, ...options }));
  }
  return planned;
}

async function planArm(
  arm: ArmConfig,
  seed: number | null,
  context: PlanOptions & {
    readonly config: ExperimentConfig;
    readonly folder: string;
    readonly sharedFolder: string;
    readonly waiting: boolean;
  },
): Promise<PlannedRun> {
  const { config, sharedFolder, waiting, host } = context;
  const name = seed === null ? arm.id : `${arm.id}-seed${seed}`;
  const folder = join(context.runFolder, name);
  const configFile = resolve(context.folder, arm.config ?? config.config ?? '');
  const shared = relative(dirname(configFile), sharedFolder).replaceAll('\\', '/');
  const step = (await stepsOf(runLayout(sharedFolder).checkpoints('ar'))).at(-1);
  const reconstructor = `${shared}/reconstructor/${stepName(step ?? 0)}`;
  const overrides: ConfigOverride[] = [
    { path: 'name', value: `${config.name}-${name}` },
    ...(seed === null ? [] : [{ path: 'seed', value: seed }]),
    { path: 'evaluators', value: [config.evaluator] },
    ...(config.shared === undefined
      ? []
      : [
          { path: 'trainers.ar', value: undefined },
          { path: 'reconstructor', value: reconstructor },
        ]),
    ...overridesOf(config.set, shared),
    ...overridesOf(arm.set, shared),
    ...(context.overrides ?? []),
  ];
  const run = { arm: arm.id, role: 'arm', seed, folder, configFile, overrides } as const;
  if (waiting) {
    // Everything but the reconstructor, which is not there yet, can be checked now.
    const check = await checkConfig(
      configFile,
      host,
      overrides.filter(({ path }) => path !== 'reconstructor'),
    );
    if (!check.ok) throw firstIssue(check.issues, '');
    return { ...run, state: 'waits' };
  }
  return { ...run, state: await stateOfArm(run, config, host) };
}

async function stateOfShared(configFile: string, overrides: readonly ConfigOverride[], folder: string, host: RunHost): Promise<RunState> {
  const state = await begunOrNew(configFile, overrides, folder, host);
  if (state === 'new') return state;
  const run = await openRun(folder);
  const manifest = await readManifest(run.layout.dataManifest);
  const trained =
    run.record.trainers.ar === undefined
      ? (await run.steps('ar')).length > 0
      : finishedResult('ar', (await run.events()).filter(ofRole('ar'))) !== undefined;
  return trained && manifest?.runHash === run.record.hash ? 'done' : 'begun';
}

async function stateOfArm(
  {
    configFile,
    overrides,
    folder,
  }: { readonly configFile: string; readonly overrides: readonly ConfigOverride[]; readonly folder: string },
  config: ExperimentConfig,
  host: RunHost,
): Promise<RunState> {
  const state = await begunOrNew(configFile, overrides, folder, host);
  if (state === 'new') return state;
  const run = await openRun(folder);
  if (finishedResult('av', (await run.events()).filter(ofRole('av'))) === undefined) return 'begun';
  return (await allMeasured(folder, config)) ? 'done' : 'measure';
}

/** Whether a folder holds the run of these settings. The backend is left to the session, which knows what starts here. */
async function begunOrNew(
  configFile: string,
  overrides: readonly ConfigOverride[],
  folder: string,
  host: RunHost,
): Promise<'begun' | 'new'> {
  const { resolved } = await resolveRun(configFile, host, overrides);
  const record = await readRunRecord(folder).catch((error: unknown) => {
    if (isNlaError(error) && error.code === 'E_RUN_MISSING') return undefined;
    throw error;
  });
  if (record === undefined) return 'new';
  const found = differences(record, { ...resolved, backend: record.backend });
  if (found.length === 0) return 'begun';
  throw new NlaError('E_RUN_EXISTS', {
    message: 'A run of this experiment was made with other settings, and runs are never overwritten.',
    file: folder,
    found: found.slice(0, 8).join('; '),
    expected: 'the settings of its run.json',
    fix: 'Give the experiment or the arm another name, undo the change, or remove the folder.',
    kind: 'input',
  });
}

/** The steps of a run that an experiment looks at. */
export async function wantedSteps(folder: string, config: ExperimentConfig): Promise<number[]> {
  const steps = await stepsOf(runLayout(folder).checkpoints('av'));
  if (config.steps === 'all') return steps;
  return config.steps === undefined || config.steps === 'last' ? steps.slice(-1) : [...config.steps];
}

async function allMeasured(folder: string, config: ExperimentConfig): Promise<boolean> {
  const steps = await wantedSteps(folder, config);
  const record = await readRunRecord(folder);
  const found = await Promise.all(steps.map((step) => readEvaluation(runLayout(folder).evaluation(config.evaluator.id, step))));
  return steps.length > 0 && found.every((evaluation) => evaluation?.runHash === record.hash);
}

function overridesOf(settings: Settings = {}, shared = ''): ConfigOverride[] {
  return Object.entries(settings).map(([path, value]) => ({ path, value: withShared(value, shared) }));
}

/** The value with `{shared}` in its texts put in: a path from the config's folder, so that a run does not know where it was made. */
function withShared(value: unknown, shared: string): unknown {
  if (typeof value === 'string') return value.replaceAll('{shared}', shared);
  if (Array.isArray(value)) return value.map((item) => withShared(item, shared));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withShared(item, shared)]));
}

function ofRole(role: 'av' | 'ar') {
  return (event: { readonly stage: string; readonly role?: string }) => event.stage === 'train' && event.role === role;
}
