import {
  NlaError,
  type Backend,
  type Dataset,
  type Evaluator,
  type Injector,
  type Labeler,
  type Logger,
  type Model,
  type ModelLoader,
  type Plugin,
  type PluginContext,
  type PluginKind,
  type Publisher,
  type Quantizer,
  type SeamMap,
  type Trainer,
} from '@nlakit/core';
import type { PreparedPlugin, RunPlugins } from './resolve-run.js';
import { createSeedStreams } from './seed-streams.js';
import type { Role } from './run-layout.js';

/** The parts of a run, each made when it is first asked for, after the parts it needs. */
export interface RunParts {
  backend(): Promise<Backend>;
  quantizer(): Promise<Quantizer | undefined>;
  loader(): Promise<ModelLoader>;
  /** The model with its weights, loaded once. */
  model(): Promise<Model>;
  injector(): Promise<Injector>;
  /** Throws `E_SLOT_MISSING` if the config names none, like `trainer` and `publisher`. */
  dataset(): Promise<Dataset>;
  labeler(): Promise<Labeler>;
  trainer(role: Role): Promise<Trainer>;
  evaluators(): Promise<
    readonly { readonly id: string; readonly evaluator: Evaluator; readonly plugin: Plugin; readonly options: unknown }[]
  >;
  publisher(): Promise<Publisher>;
  /** Frees the model and the backend. */
  dispose(): Promise<void>;
}

/** What {@link createRunParts} needs besides the plugins. */
export interface RunPartsOptions {
  readonly plugins: RunPlugins;
  readonly seed: number;
  /** Folder that relative paths in options start from. */
  readonly baseFolder: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called once with the loaded model, before anybody gets it; may throw. */
  readonly checkModel?: (model: Model) => Promise<void>;
}

/** Creates parts lazily: validating a config or publishing a run never loads weights. */
export function createRunParts({ plugins, seed, baseFolder, signal, log, checkModel }: RunPartsOptions): RunParts {
  const made = new Map<PluginKind, SeamMap[PluginKind]>();
  const seeds = createSeedStreams(seed);

  const create = async <Kind extends PluginKind>(prepared: PreparedPlugin<Kind>): Promise<SeamMap[Kind]> => {
    const needs = prepared.plugin.needs ?? [];
    for (const need of needs) await provide(need);
    const context: PluginContext = {
      use<Wanted extends PluginKind>(kind: Wanted): SeamMap[Wanted] {
        const part = needs.includes(kind) ? made.get(kind) : undefined;
        if (part === undefined) {
          throw new NlaError('E_PLUGIN_NEEDS', {
            message: `"${prepared.plugin.name}" asks for a part that it does not list in its needs.`,
            found: kind,
            expected: needs.length === 0 ? 'nothing' : needs.join(', '),
            fix: `Add "${kind}" to the plugin's needs.`,
          });
        }
        // The map is filled by kind, which its type cannot express.
        return part as SeamMap[Wanted];
      },
      seeds,
      signal,
      log,
      baseFolder,
    };
    return prepared.plugin.create(prepared.options, context);
  };

  const provide = async (kind: PluginKind): Promise<void> => {
    if (kind === 'backend') await parts.backend();
    else if (kind === 'quantizer') await parts.quantizer();
    else if (kind === 'model') await parts.loader();
    else if (kind === 'injector') await parts.injector();
    else if (kind === 'dataset') await parts.dataset();
    else if (kind === 'labeler') await parts.labeler();
  };

  const once = <Kind extends PluginKind>(kind: Kind, prepared: PreparedPlugin<Kind>): (() => Promise<SeamMap[Kind]>) => {
    let pending: Promise<SeamMap[Kind]> | undefined;
    return () =>
      (pending ??= create(prepared).then((part) => {
        made.set(kind, part);
        return part;
      }));
  };

  const backend = once('backend', plugins.backend);
  const quantizer = plugins.quantizer && once('quantizer', plugins.quantizer);
  const loader = plugins.model && once('model', plugins.model);
  const injector = plugins.injector && once('injector', plugins.injector);
  const dataset = plugins.dataset && once('dataset', plugins.dataset);
  const labeler = plugins.labeler && once('labeler', plugins.labeler);
  let loadedModel: Promise<Model> | undefined;

  const parts: RunParts = {
    backend,
    quantizer: async () => quantizer?.(),
    loader: async () => {
      await backend();
      return (loader ?? missing('model'))();
    },
    model: () =>
      (loadedModel ??= parts.loader().then(async (one) => {
        const model = await one.load();
        await checkModel?.(model);
        return model;
      })),
    injector: async () => (injector ?? missing('injector'))(),
    dataset: async () => (dataset ?? missing('dataset'))(),
    labeler: async () => (labeler ?? missing('labeler'))(),
    trainer: async (role) => create(plugins.trainers[role] ?? missing(`trainers.${role}`)),
    evaluators: () =>
      Promise.all(
        plugins.evaluators.map(async (prepared) => ({
          id: prepared.id,
          plugin: prepared.plugin,
          options: prepared.options,
          evaluator: await create(prepared),
        })),
      ),
    publisher: async () => create(plugins.publisher ?? missing('publisher')),
    async dispose() {
      const model = await loadedModel?.catch(() => undefined);
      model?.dispose();
      const started = made.get('backend') as Backend | undefined;
      await started?.dispose();
      loadedModel = undefined;
      made.clear();
    },
  };
  return parts;
}

function missing(slot: string): never {
  throw new NlaError('E_SLOT_MISSING', {
    message: `The config has no slot "${slot}", which this command needs.`,
    fix: `Add "${slot}" to the config.`,
    kind: 'input',
  });
}
