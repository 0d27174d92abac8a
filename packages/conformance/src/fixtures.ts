import type {
  DatasetContext,
  EvaluateContext,
  Evaluation,
  ForwardInput,
  LabelItem,
  PluginKind,
  Release,
  SeamMap,
  TrainContext,
} from '@nlakit/core';

/** What every suite can be told. All of it may be left out: the suites bring a toy world of their own. */
export interface CommonFixtures {
  /** Options of the config that the plugin is created with, or a function of an empty folder. Default: `{}`. */
  readonly options?: object | ((folder: string) => object | Promise<object>);
  /** Options that must be refused, besides an unknown name. */
  readonly badOptions?: readonly unknown[];
  /** Parts that `context.use` hands out; what is missing comes from the toy world. */
  readonly parts?: { readonly [Kind in PluginKind]?: () => SeamMap[Kind] | Promise<SeamMap[Kind]> };
  /** Folder that relative options start from. Default: an empty one. */
  readonly baseFolder?: string;
  /** Makes the tfjs backend ready that tensors are computed on. Default: tfjs on the CPU; for a backend, itself. */
  readonly engine?: () => unknown;
}

export interface QuantizerFixtures extends CommonFixtures {
  /** Largest root mean square error of packed weights, relative to the root mean square of the weights. Default: 0.15, enough for 4 bits. */
  readonly tolerance?: number;
}

export interface ModelFixtures extends CommonFixtures {
  /** A text that the tokenizer gives back as it is. Default: `the animal`. */
  readonly text?: string;
  /** Relative tolerance where the same is computed in another order. Default: 1e-4. */
  readonly tolerance?: number;
  /** One pass of two or more rows of real tokens; made up from the vocabulary if left out. */
  readonly input?: Pick<ForwardInput, 'tokens' | 'batch' | 'length'>;
}

export interface DatasetFixtures extends CommonFixtures {
  /** Replaces parts of the context: model, injector, layer. */
  readonly context?: (folder: string) => Partial<DatasetContext> | Promise<Partial<DatasetContext>>;
}

export interface LabelerFixtures extends CommonFixtures {
  /** Texts to label. Default: a few words of the toy world, with `meta.topic`. */
  readonly items?: readonly LabelItem[];
  /** Strings that must not show in what the labeler describes. */
  readonly secrets?: readonly string[];
  /** How many questions have been asked so far, for labelers whose answers cost something. */
  readonly asked?: () => number;
}

export interface TrainerFixtures extends CommonFixtures {
  /** Replaces parts of the context, for a trainer that cannot work with the toy model. Called for every run. */
  readonly context?: () => Partial<TrainContext> | Promise<Partial<TrainContext>>;
  /** Options under which the toy task is learnt, for the case that watches the loss fall. Default: `options`. */
  readonly learning?: object;
}

export interface EvaluatorFixtures extends CommonFixtures {
  /** Replaces parts of the context, for an evaluator that needs another model or data. Called for every evaluation. */
  readonly context?: () => Partial<EvaluateContext> | Promise<Partial<EvaluateContext>>;
  /**
   * The summary, or a part of it, computed again from the stored rows by code that is not the evaluator's. Its numbers must agree with the
   * summary to 1e-9. Without it nobody knows whether rows and summary belong together.
   */
  readonly recompute?: (stored: Evaluation) => Readonly<Record<string, unknown>>;
}

export interface PublisherFixtures extends CommonFixtures {
  /** A further release to publish, besides the suite's own of a card and a checkpoint. Its `repository` is replaced. */
  readonly release?: (folder: string) => Release | Promise<Release>;
  /**
   * What lies at the destination under a repository's name and a path in it: the contents, or nothing where nothing was published. Without
   * it only what the publisher says of itself is tested.
   */
  readonly published?: (repository: string, path: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** The fixtures of a kind. */
export interface FixturesByKind {
  readonly backend: CommonFixtures;
  readonly quantizer: QuantizerFixtures;
  readonly model: ModelFixtures;
  readonly injector: CommonFixtures;
  readonly dataset: DatasetFixtures;
  readonly labeler: LabelerFixtures;
  readonly trainer: TrainerFixtures;
  readonly evaluator: EvaluatorFixtures;
  readonly publisher: PublisherFixtures;
}

/** The fixtures of a kind; those of every kind for a kind that a package has added. */
export type FixturesOf<Kind extends PluginKind> = Kind extends keyof FixturesByKind ? FixturesByKind[Kind] : CommonFixtures;
