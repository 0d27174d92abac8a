import { isNlaError, type Plugin, type PluginKind } from '@nlakit/core';
import { resolveReconstructor, type ResolvedReconstructor } from './adopt-reconstructor.js';
import { toJson } from './canonical-json.js';
import type { BackendTrial } from './choose-backend.js';
import { asIssue, firstIssue, issue, schemaIssues, valueAt, type ConfigIssue } from './config-issues.js';
import { readConfig, type ConfigOverride, type ConfigPath, type ConfigSource } from './config-source.js';
import { loadPlugin, type PluginSource } from './plugin-loading.js';
import { sealRun, type ResolvedRun, type ResolvedSlot } from './resolved-run.js';
import { knownKeys, runConfigSchema, type PluginSlot, type RunConfig } from './run-config.js';

/** What the host (the command line, an example) offers to every run. */
export interface RunHost {
  /** Imports a package that the host ships; used where the config's folder does not resolve a specifier. */
  readonly bundled?: (specifier: string) => Promise<unknown>;
  readonly bundledNames?: readonly string[];
  /** Backends that `use: auto` may become, in the order in which they are tried. Those that are not installed are left out without a word. */
  readonly backends?: readonly string[];
}

/** A plugin with its validated options, ready to be created. */
export interface PreparedPlugin<Kind extends PluginKind = PluginKind> {
  readonly plugin: Plugin<Kind>;
  readonly options: unknown;
}

/** The plugins of a run, by slot. */
export interface RunPlugins {
  readonly backend: PreparedPlugin<'backend'>;
  readonly quantizer?: PreparedPlugin<'quantizer'>;
  readonly model?: PreparedPlugin<'model'>;
  readonly injector?: PreparedPlugin<'injector'>;
  readonly dataset?: PreparedPlugin<'dataset'>;
  readonly labeler?: PreparedPlugin<'labeler'>;
  readonly trainers: { readonly ar?: PreparedPlugin<'trainer'>; readonly av?: PreparedPlugin<'trainer'> };
  readonly evaluators: readonly (PreparedPlugin<'evaluator'> & { readonly id: string })[];
  readonly publisher?: PreparedPlugin<'publisher'>;
}

/** A slot with its plugin. */
export interface PreparedSlot<Kind extends PluginKind> {
  readonly slot: ResolvedSlot;
  readonly prepared: PreparedPlugin<Kind>;
}

/** A config after all checks that need no weights. */
export interface RunPreparation {
  readonly resolved: ResolvedRun;
  readonly plugins: RunPlugins;
  /** What `backend: { use: auto }` may become, in order; the first one is in `resolved`. Absent where the config names a backend. */
  readonly backendCandidates?: readonly PreparedSlot<'backend'>[];
  /** What is installed for `auto` and cannot be loaded, with the reason. */
  readonly backendsPassedOver?: readonly BackendTrial[];
  /** Folder of the config: relative paths in options start here. */
  readonly configFolder: string;
}

/** A checked config: either ready, or with everything that is wrong with it. */
export type ConfigCheck =
  | { readonly ok: true; readonly preparation: RunPreparation; readonly issues: readonly [] }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

/** Reads and checks a config; throws the first issue as an {@link NlaError}. The error's `cause` lists them all. */
export async function resolveRun(path: string, host: RunHost = {}, overrides: readonly ConfigOverride[] = []): Promise<RunPreparation> {
  const check = await checkConfig(path, host, overrides);
  if (check.ok) return check.preparation;
  throw firstIssue(check.issues);
}

/** Reads and checks a config without loading weights, and collects every issue. */
export async function checkConfig(path: string, host: RunHost = {}, overrides: readonly ConfigOverride[] = []): Promise<ConfigCheck> {
  let source: ConfigSource;
  try {
    source = await readConfig(path, overrides);
  } catch (error) {
    if (!isNlaError(error)) throw error;
    return { ok: false, issues: [asIssue(error, [])] };
  }
  return checkSource(source, host);
}

/** Checks a config that has been read. */
export async function checkSource(source: ConfigSource, host: RunHost = {}): Promise<ConfigCheck> {
  const parsed = runConfigSchema.safeParse(source.value);
  if (!parsed.success)
    return {
      ok: false,
      issues: schemaIssues(parsed.error.issues, source, {
        knownKeys,
        what: 'A config is a mapping of slots.',
        fix: 'Start from a complete one: `nla init`.',
      }),
    };
  // Zod's optional members allow an explicit undefined, which no config file can hold.
  const config = parsed.data as RunConfig;
  const issues: ConfigIssue[] = [];
  const plugins: PluginSource = {
    folder: source.folder,
    ...(host.bundled === undefined ? {} : { bundled: host.bundled }),
    ...(host.bundledNames === undefined ? {} : { bundledNames: host.bundledNames }),
  };

  const present = presentKinds(config);
  const prepare = async <Kind extends PluginKind>(
    kind: Kind,
    slot: PluginSlot,
    path: ConfigPath,
  ): Promise<PreparedSlot<Kind> | undefined> => {
    const outcome = await prepareSlot(kind, slot, path, source, plugins, present);
    if ('issues' in outcome) {
      issues.push(...outcome.issues);
      return undefined;
    }
    return outcome;
  };

  const backends = await prepareBackends(config.backend, host, prepare, source, issues);
  const backend = backends.found[0];
  const quantizer = config.quantizer && (await prepare('quantizer', config.quantizer, ['quantizer']));
  const model = await prepare('model', config.model, ['model']);
  const injector = await prepare('injector', config.injector, ['injector']);
  const dataset = config.dataset && (await prepare('dataset', config.dataset, ['dataset']));
  const labeler = config.labeler && (await prepare('labeler', config.labeler, ['labeler']));
  const ar = config.trainers?.ar && (await prepare('trainer', config.trainers.ar, ['trainers', 'ar']));
  const av = config.trainers?.av && (await prepare('trainer', config.trainers.av, ['trainers', 'av']));
  const reconstructor = await prepareReconstructor(config, source, issues);
  const evaluators: { readonly id: string; readonly prepared: PreparedSlot<'evaluator'> }[] = [];
  for (const [index, slot] of (config.evaluators ?? []).entries()) {
    const prepared = await prepare('evaluator', slot, ['evaluators', index]);
    if (prepared !== undefined) evaluators.push({ id: slot.id, prepared });
  }
  const publisher = config.publisher && (await prepare('publisher', config.publisher, ['publisher']));
  if (issues.length > 0 || backend === undefined || model === undefined || injector === undefined) return { ok: false, issues };

  const resolved = sealRun({
    schema: 1,
    name: config.name,
    seed: config.seed ?? 0,
    backend: backend.slot,
    ...(quantizer ? { quantizer: quantizer.slot } : {}),
    model: model.slot,
    injector: injector.slot,
    ...(dataset ? { dataset: dataset.slot } : {}),
    ...(labeler ? { labeler: labeler.slot } : {}),
    trainers: { ...(ar ? { ar: ar.slot } : {}), ...(av ? { av: av.slot } : {}) },
    ...(reconstructor === undefined ? {} : { reconstructor }),
    evaluators: evaluators.map(({ id, prepared }) => ({ id, ...prepared.slot })),
    ...(publisher ? { publisher: publisher.slot } : {}),
    overrides: source.overrides.map(({ path, value }) => ({ path, value: toJson(value) })),
  });
  return {
    ok: true,
    issues: [],
    preparation: {
      resolved,
      configFolder: source.folder,
      ...(isAuto(config.backend) ? { backendCandidates: backends.found, backendsPassedOver: backends.passedOver } : {}),
      plugins: {
        backend: backend.prepared,
        ...(quantizer ? { quantizer: quantizer.prepared } : {}),
        model: model.prepared,
        injector: injector.prepared,
        ...(dataset ? { dataset: dataset.prepared } : {}),
        ...(labeler ? { labeler: labeler.prepared } : {}),
        trainers: { ...(ar ? { ar: ar.prepared } : {}), ...(av ? { av: av.prepared } : {}) },
        evaluators: evaluators.map(({ id, prepared }) => ({ id, ...prepared.prepared })),
        ...(publisher ? { publisher: publisher.prepared } : {}),
      },
    },
  };
}

/** The finished reconstructor that a config names; what is wrong with it becomes an issue at its place. */
async function prepareReconstructor(
  config: RunConfig,
  source: ConfigSource,
  issues: ConfigIssue[],
): Promise<ResolvedReconstructor | undefined> {
  if (config.reconstructor === undefined) return undefined;
  try {
    return await resolveReconstructor(config.reconstructor, source.folder);
  } catch (error) {
    if (!isNlaError(error)) throw error;
    issues.push(issue(error.code, ['reconstructor'], source.place(['reconstructor']), error.details));
    return undefined;
  }
}

function isAuto(slot: PluginSlot | undefined): boolean {
  return slot === undefined || slot.use === 'auto';
}

/** The backend of the config; for `auto` all that the host offers and that are installed, in its order. Empty with an issue for none. */
async function prepareBackends(
  slot: PluginSlot | undefined,
  host: RunHost,
  prepare: (kind: 'backend', slot: PluginSlot, path: ConfigPath) => Promise<PreparedSlot<'backend'> | undefined>,
  source: ConfigSource,
  issues: ConfigIssue[],
): Promise<{ readonly found: readonly PreparedSlot<'backend'>[]; readonly passedOver: readonly BackendTrial[] }> {
  const wanted = slot === undefined || isAuto(slot) ? (host.backends ?? []).map((use) => ({ ...slot, use })) : [slot];
  const before = issues.length;
  const found: PreparedSlot<'backend'>[] = [];
  const passedOver: BackendTrial[] = [];
  for (const one of wanted) {
    const known = issues.length;
    const prepared = await prepare('backend', one, ['backend']);
    if (prepared !== undefined) found.push(prepared);
    const [problem] = issues.slice(known);
    if (problem !== undefined && problem.code !== 'E_PLUGIN_UNKNOWN') passedOver.push({ use: one.use, ok: false, reason: problem.message });
  }
  // One that can be used is enough.
  if (found.length > 0) issues.length = before;
  if (wanted.length === 0) {
    issues.push(
      issue('E_BACKEND_NONE', ['backend'], source.place(['backend', 'use']), {
        message: 'No backend is offered for "auto" here.',
        fix: 'Name one: backend: { use: "@nlakit/backend-wasm" }.',
      }),
    );
  }
  return { found, passedOver };
}

function presentKinds(config: RunConfig): ReadonlySet<PluginKind> {
  const present = new Set<PluginKind>(['backend', 'model', 'injector']);
  if (config.quantizer !== undefined) present.add('quantizer');
  if (config.dataset !== undefined) present.add('dataset');
  if (config.labeler !== undefined) present.add('labeler');
  return present;
}

async function prepareSlot<Kind extends PluginKind>(
  kind: Kind,
  slot: PluginSlot,
  path: ConfigPath,
  source: ConfigSource,
  plugins: PluginSource,
  present: ReadonlySet<PluginKind>,
): Promise<PreparedSlot<Kind> | { readonly issues: readonly ConfigIssue[] }> {
  let plugin: Plugin<Kind>;
  try {
    // loadPlugin has compared the kind, which the type of its result cannot say.
    plugin = (await loadPlugin(slot.use, kind, plugins)).plugin as Plugin<Kind>;
  } catch (error) {
    if (!isNlaError(error)) throw error;
    return { issues: [issue(error.code, [...path, 'use'], source.place([...path, 'use']), error.details)] };
  }
  const missing = (plugin.needs ?? []).filter((need) => !present.has(need));
  if (missing.length > 0) {
    const details = {
      message: `"${slot.use}" needs a part that the config does not name.`,
      found: `no ${missing.join(', no ')}`,
      expected: `slots for ${(plugin.needs ?? []).join(', ')}`,
      fix: `Add ${missing.map((need) => `"${need}: { use: … }"`).join(' and ')}.`,
    };
    return { issues: [issue('E_PLUGIN_NEEDS', [...path, 'use'], source.place([...path, 'use']), details)] };
  }
  const given = slot.options ?? {};
  const result = await plugin.optionsSchema['~standard'].validate(given);
  if (result.issues !== undefined) {
    return {
      issues: result.issues.flatMap((found) => {
        const inner = (found.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
        return optionIssues(slot.use, [...path, 'options', ...inner], inner, found, source);
      }),
    };
  }
  return {
    slot: { use: slot.use, name: plugin.name, version: plugin.version, options: toJson(result.value), given: toJson(given) },
    prepared: { plugin, options: result.value },
  };
}

/** Issues of a plugin's own schema. Zod lists unknown keys of one object in one issue; each gets its own place. */
function optionIssues(
  use: string,
  path: ConfigPath,
  inner: ConfigPath,
  found: { readonly message: string },
  source: ConfigSource,
): ConfigIssue[] {
  const keys = 'keys' in found && Array.isArray(found.keys) ? (found.keys as readonly string[]) : [];
  if (keys.length > 0) {
    return keys.map((key) =>
      issue('E_OPTION', [...path, key], source.place([...path, key], 'key'), {
        message: `"${use}" has no option "${[...inner, key].map(String).join('.')}".`,
        fix: `Remove it, or look the name up in the documentation of ${use}.`,
      }),
    );
  }
  const value = valueAt(source.value, path);
  return [
    issue('E_OPTION', path, source.place(path), {
      message: `Option "${inner.map(String).join('.')}" of "${use}": ${found.message}`,
      found: value === undefined ? 'nothing' : JSON.stringify(value),
    }),
  ];
}
