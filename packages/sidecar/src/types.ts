import type { GuardReport, JsonValue, PerLayerIds, Scale } from '@nlakit/core';

/** A mapping that survives a round trip through JSON. */
export type JsonObject = Readonly<Record<string, JsonValue>>;

/**
 * Who wrote a sidecar. `kitft` is the training spelling of kitft/natural_language_autoencoders (roles `actor` and `critic`),
 * `kitft-release` what its release step makes of it (`av` and `ar`), `solshine` the trajectory releases of SolshineCode.
 */
export type SidecarDialect = 'nlakit' | 'kitft' | 'kitft-release' | 'solshine';

/** The marker and its surroundings as the sidecar states them. */
export interface SidecarTokens {
  /** Null where only the id was written down (solshine). */
  readonly injectionChar: string | null;
  readonly injectionTokenId: number;
  readonly leftNeighborId: number;
  readonly rightNeighborId: number;
  /** The ids every AR prompt ends with, or null where nothing is promised. */
  readonly criticSuffixIds: readonly number[] | null;
}

/** Prompt texts as the sidecar states them; null where they were not written down. */
export interface SidecarTemplates {
  readonly av: string | null;
  readonly ar: string | null;
  /** Whether the AV prompt goes through the chat template. kitft always does, solshine never. */
  readonly avChat: boolean;
}

/** Constant-predictor figures of the training vectors: what a cosine has to be compared with. */
export interface Baselines {
  /** Norm of the mean unit vector; the mean cosine of the best constant prediction. */
  readonly rho: number;
  /** Variance of the unit vectors, `1 - rho²`: denominator of fve_nrm. */
  readonly rawvar: number;
  /** Normalised error of the best constant of unit norm, `2 (1 - rho)`: denominator of fve_meannorm. */
  readonly meannorm: number;
  /** Number of vectors. */
  readonly n: number;
  /** sha256 of the file the vectors come from; null if unknown. */
  readonly sourceHash: string | null;
}

/** What the guard found when training began, and whether a person overruled it. */
export interface SidecarGuard extends GuardReport {
  readonly override: boolean;
}

/** The retraction of a checkpoint that was published and stays. */
export interface SidecarRetraction {
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** The contents of a model's `nla_meta.yaml`, whatever dialect it was written in. */
export interface ModelSidecarFields {
  readonly role: 'av' | 'ar';
  /** `init`, `sl` or `rl` for kitft; null where not stated. */
  readonly stage: string | null;
  readonly baseModel: string;
  readonly dModel: number;
  /** K: the vectors are the output of block K, counted from 0. Null where not stated (kitft's unreleased actors). */
  readonly layer: number | null;
  /** Number of blocks that a reconstructor computes before its head, where it is not K + 1 (`ar.truncation`); else null. */
  readonly truncation: number | null;
  /** Norm of the injected vector; null is "as it is" and also what AR sidecars hold. */
  readonly injectionScale: Scale;
  /** Norm that both vectors get before their squared error is taken; null is "as they are". */
  readonly mseScale: Scale;
  readonly perLayerIds: PerLayerIds;
  readonly tokens: SidecarTokens;
  readonly templates: SidecarTemplates;
  /** Training step of these weights, counted from 1. */
  readonly step: number | null;
  readonly trainedOn: readonly string[];
  readonly parentCheckpoints: readonly string[];
  /** ISO 8601. */
  readonly createdAt: string | null;
  readonly createdBy: string | null;
  readonly gitCommit: string | null;
  /** Rank, alpha, targets of the adapter. */
  readonly adapter: JsonObject | null;
  readonly training: JsonObject | null;
  readonly trainingData: JsonObject | null;
  readonly evalProvenance: JsonObject | null;
  readonly baselines: Baselines | null;
  readonly metrics: JsonObject | null;
  /** Results of evaluators, by evaluator id. */
  readonly evaluations: JsonObject | null;
  readonly guard: SidecarGuard | null;
  /** Why this checkpoint is not to be relied on any more; null for one that was not retracted. */
  readonly retraction: SidecarRetraction | null;
  /** File name to sha256 (hex) of the files beside the sidecar. */
  readonly contentHash: Readonly<Record<string, string>> | null;
  /** Top-level keys that are not part of the schema, kept as they are. Ours begin with `x_`. */
  readonly extensions: JsonObject;
}

/** A model sidecar as read. */
export interface ModelSidecar extends ModelSidecarFields {
  readonly kind: 'nla_model';
  readonly dialect: SidecarDialect;
  /** Null where none was written (solshine). */
  readonly schemaVersion: number | null;
}

/** Which part of the corpus was read. */
export interface CorpusSlice {
  readonly start: number;
  readonly length: number;
}

/** The contents of a dataset's `<file>.nla_meta.yaml`. */
export interface DatasetSidecarFields {
  readonly datasetId: string;
  /** `base`, `av_sft`, `ar_sft` or `rl` for kitft; ours adds `held_out`. */
  readonly stage: string;
  readonly rowCount: number;
  readonly baseModel: string;
  readonly dModel: number;
  /** K: the vectors are the output of block K, counted from 0. */
  readonly layer: number;
  /** `none`: vectors are raw. Anything else means that they were rescaled when they were read. */
  readonly norm: string;
  readonly corpus: string | null;
  readonly corpusSlice: CorpusSlice | null;
  readonly positionsPerDoc: number | null;
  /** Absent in `base` files. */
  readonly tokens: SidecarTokens | null;
  readonly templates: SidecarTemplates;
  /** The injection norm the data was prepared for. kitft's datasets carry none: it belongs to the training. Null where absent. */
  readonly injectionScale: Scale;
  readonly mseScale: Scale;
  readonly perLayerIds: PerLayerIds;
  /** How explanations were asked of a language model. */
  readonly apiSummaries: JsonObject | null;
  /** How explanations were written by rule. */
  readonly labels: JsonObject | null;
  /** Norms of the vectors: count, mean, median, minimum, maximum, standard deviation. */
  readonly activationNorms: JsonObject | null;
  readonly parentDatasets: readonly string[];
  readonly createdAt: string | null;
  readonly createdBy: string | null;
  readonly gitCommit: string | null;
  /** File name to sha256 (hex). */
  readonly contentHash: Readonly<Record<string, string>> | null;
  readonly extensions: JsonObject;
}

/** A dataset sidecar as read. */
export interface DatasetSidecar extends DatasetSidecarFields {
  readonly kind: 'nla_dataset';
  readonly dialect: SidecarDialect;
  readonly schemaVersion: number | null;
}

/** Any sidecar, normalised. */
export type Sidecar = ModelSidecar | DatasetSidecar;
