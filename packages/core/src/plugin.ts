import type { Backend } from './backend.js';
import type { Dataset } from './dataset.js';
import { NlaError } from './errors.js';
import type { Evaluator } from './evaluator.js';
import type { Logger } from './events.js';
import type { Injector } from './injector.js';
import type { Labeler } from './labeler.js';
import type { ModelLoader } from './model.js';
import type { Publisher } from './publisher.js';
import type { Quantizer } from './quantizer.js';
import type { SeedStreams } from './random.js';
import type { Trainer } from './trainer.js';

/** The specification that a plugin was written for. A host names both versions when it meets one it does not know. */
export const SPEC_VERSION = 'v1';

/** Kind of plugin to the seam it creates. Packages add their own kinds by declaration merging. */
export interface SeamMap {
  backend: Backend;
  quantizer: Quantizer;
  model: ModelLoader;
  injector: Injector;
  dataset: Dataset;
  labeler: Labeler;
  trainer: Trainer;
  evaluator: Evaluator;
  publisher: Publisher;
}

/** A kind of plugin. */
export type PluginKind = keyof SeamMap;

/** The part of the Standard Schema interface (standardschema.dev, version 1) that nlakit calls. Zod 4 schemas satisfy it. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a {@link StandardSchema} answers. `path` leads from the options object to the value at fault. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** What a plugin gets when it is created. */
export interface PluginContext {
  /** An already created part. Only kinds that the plugin's `needs` lists may be asked for. */
  use<Kind extends PluginKind>(kind: Kind): SeamMap[Kind];
  /** Named, serialisable random streams of this run. */
  readonly seeds: SeedStreams;
  /** Aborted when the run is to stop; every long loop honours it within one step. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Folder of the config file: relative paths in options start here. */
  readonly baseFolder: string;
}

/** A swappable part: a plain object, made by {@link definePlugin}. */
export interface Plugin<Kind extends PluginKind = PluginKind, Options = unknown> {
  readonly specVersion: typeof SPEC_VERSION;
  readonly kind: Kind;
  /** The npm name of the package (`@nlakit/evaluator-h5`). */
  readonly name: string;
  readonly version: string;
  /** Kinds that must be created before this plugin. */
  readonly needs?: readonly PluginKind[];
  /** Validates the `options` of the config before anything heavy is loaded. */
  readonly optionsSchema: StandardSchema<Options>;
  create(options: Options, context: PluginContext): SeamMap[Kind] | Promise<SeamMap[Kind]>;
}

/** Checks and freezes a plugin; the specification version is filled in. Throws `E_PLUGIN_INVALID`. */
export function definePlugin<Kind extends PluginKind, Options>(plugin: Omit<Plugin<Kind, Options>, 'specVersion'>): Plugin<Kind, Options> {
  if (plugin.name === '' || plugin.version === '' || typeof plugin.create !== 'function') {
    throw new NlaError('E_PLUGIN_INVALID', {
      message: 'A plugin needs a name, a version and a create function.',
      found: JSON.stringify({ kind: plugin.kind, name: plugin.name, version: plugin.version, create: typeof plugin.create }),
      fix: 'Use the npm name and version of the package that exports the plugin.',
    });
  }
  return Object.freeze({ specVersion: SPEC_VERSION, ...plugin });
}
