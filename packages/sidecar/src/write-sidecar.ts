import { NlaError } from '@nlakit/core';
import type { JsonValue } from '@nlakit/core';
import { Document } from 'yaml';
import type { ScalarTag } from 'yaml';
import { checkTemplates } from './templates.js';
import type { DatasetSidecarFields, JsonObject, ModelSidecarFields, SidecarTemplates, SidecarTokens } from './types.js';

/** What may be left out when a sidecar is written: everything that may be null or empty. */
type Writable<Fields> = { readonly [Key in keyof Fields as EmptyKey<Fields, Key> extends true ? never : Key]: Fields[Key] } & {
  readonly [Key in keyof Fields as EmptyKey<Fields, Key> extends true ? Key : never]?: Fields[Key];
};
type EmptyKey<Fields, Key extends keyof Fields> = Key extends 'injectionScale' | 'mseScale' | 'layer'
  ? false
  : null extends Fields[Key]
    ? true
    : Key extends 'trainedOn' | 'parentCheckpoints' | 'parentDatasets' | 'extensions'
      ? true
      : false;

/** Input of {@link writeModelSidecar}: the fields of a sidecar, those that may be empty left out at will. */
export type ModelSidecarInput = Writable<ModelSidecarFields>;
/** Input of {@link writeDatasetSidecar}. */
export type DatasetSidecarInput = Writable<DatasetSidecarFields>;

/**
 * The text of a model's `nla_meta.yaml`: kitft's schema version 2 in its release spelling, with additional blocks. `createdBy` is
 * completed so that it begins with `nlakit`. Scales are always numbers or null. Throws `E_SIDECAR_TEMPLATE`, or `E_SIDECAR_EXTENSION`
 * for an extension whose key does not begin with `x_`.
 */
export function writeModelSidecar(fields: ModelSidecarInput): string {
  checkTemplates(fields.templates);
  const guard = fields.guard ?? null;
  return writeYaml({
    kind: 'nla_model',
    schema_version: 2,
    role: fields.role,
    ...optional('stage', fields.stage),
    base_checkpoint: fields.baseModel,
    d_model: fields.dModel,
    ...optional('extraction_layer_index', fields.layer),
    ...optional('ar', fields.truncation == null ? null : { truncation: fields.truncation }),
    extraction: { injection_scale: fields.injectionScale, mse_scale: fields.mseScale, ple_mode: fields.perLayerIds },
    tokens: tokensBlock(fields.tokens),
    ...templateBlocks(fields.templates, 'av', 'ar'),
    ...optional('step', fields.step),
    ...optional('adapter', fields.adapter),
    ...optional('training', fields.training),
    ...optional('training_data', fields.trainingData),
    ...optional(
      'baselines',
      fields.baselines && {
        rho: fields.baselines.rho,
        rawvar: fields.baselines.rawvar,
        meannorm: fields.baselines.meannorm,
        n: fields.baselines.n,
        source_hash: fields.baselines.sourceHash,
      },
    ),
    ...optional(
      'guard',
      guard && {
        verdict: guard.verdict,
        median_act_norm: guard.medianActivationNorm,
        median_embed_norm: guard.medianEmbeddingNorm,
        ratios: { activation: guard.activationRatio, embedding: guard.embeddingRatio },
        override: guard.override,
        reasons: guard.reasons,
      },
    ),
    ...optional('retraction', fields.retraction && { reason: fields.retraction.reason, at: fields.retraction.at }),
    ...optional('metrics', fields.metrics),
    ...optional('eval_provenance', fields.evalProvenance),
    ...optional('evaluations', fields.evaluations),
    ...nonEmpty('trained_on', fields.trainedOn),
    ...nonEmpty('parent_checkpoints', fields.parentCheckpoints),
    ...optional('created_at', fields.createdAt),
    created_by: creator(fields.createdBy),
    ...optional('git_commit', fields.gitCommit),
    ...optional('content_hash', fields.contentHash),
    ...extensionBlocks(fields.extensions),
  });
}

/** The text of `<file>.nla_meta.yaml`: kitft's dataset schema version 1 with additional blocks. Errors as {@link writeModelSidecar}. */
export function writeDatasetSidecar(fields: DatasetSidecarInput): string {
  checkTemplates(fields.templates);
  return writeYaml({
    dataset_id: fields.datasetId,
    stage: fields.stage,
    row_count: fields.rowCount,
    extraction: {
      base_model: fields.baseModel,
      d_model: fields.dModel,
      layer_index: fields.layer,
      norm: fields.norm,
      ...optional('corpus', fields.corpus),
      ...optional('corpus_slice', fields.corpusSlice && { start: fields.corpusSlice.start, length: fields.corpusSlice.length }),
      ...optional('positions_per_doc', fields.positionsPerDoc),
    },
    kind: 'nla_dataset',
    schema_version: 1,
    keep_debug_metadata: true,
    ...optional('tokens', fields.tokens && tokensBlock(fields.tokens)),
    ...templateBlocks(fields.templates, 'actor', 'critic'),
    injection: { scale: fields.injectionScale, mse_scale: fields.mseScale, ple_mode: fields.perLayerIds },
    ...optional('api_summaries', fields.apiSummaries),
    ...optional('labels', fields.labels),
    ...optional('activation_norms', fields.activationNorms),
    ...nonEmpty('parent_datasets', fields.parentDatasets),
    ...optional('created_at', fields.createdAt),
    created_by: creator(fields.createdBy),
    ...optional('git_commit', fields.gitCommit),
    ...optional('content_hash', fields.contentHash),
    ...extensionBlocks(fields.extensions),
  });
}

function optional(key: string, value: JsonValue | undefined): JsonObject {
  return value === undefined || value === null ? {} : { [key]: value };
}

function nonEmpty(key: string, value: readonly string[] | undefined): JsonObject {
  return value === undefined || value.length === 0 ? {} : { [key]: value };
}

function creator(value: string | null | undefined): string {
  if (value === undefined || value === null || value === '') return 'nlakit';
  return value.startsWith('nlakit') ? value : `nlakit: ${value}`;
}

function tokensBlock(tokens: SidecarTokens): JsonObject {
  return {
    injection_char: tokens.injectionChar,
    injection_token_id: tokens.injectionTokenId,
    injection_left_neighbor_id: tokens.leftNeighborId,
    injection_right_neighbor_id: tokens.rightNeighborId,
    critic_suffix_ids: tokens.criticSuffixIds,
  };
}

function templateBlocks(templates: SidecarTemplates, av: string, ar: string): JsonObject {
  const texts = { ...optional(av, templates.av), ...optional(ar, templates.ar) };
  return {
    ...(Object.keys(texts).length === 0 ? {} : { prompt_templates: texts }),
    // AR prompts are raw strings with special tokens; upstream and EasyNLA differ here, so it is written down.
    prompt_format: { av_chat: templates.avChat, ar_add_special_tokens: true },
  };
}

function extensionBlocks(extensions: JsonObject | undefined): JsonObject {
  for (const key of Object.keys(extensions ?? {})) {
    if (key.startsWith('x_')) continue;
    throw new NlaError('E_SIDECAR_EXTENSION', {
      message: 'Additional top-level keys of a sidecar begin with "x_".',
      found: key,
      expected: `x_${key}`,
      kind: 'input',
    });
  }
  return extensions ?? {};
}

/** PyYAML takes `1e-05` for a text: exponents need a point before them. */
const exponentNumber: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  identify: (value) => typeof value === 'number' && Number.isFinite(value) && JSON.stringify(value).includes('e'),
  test: /^[-+]?\d+\.\d+e[-+]\d+$/,
  resolve: (text) => Number(text),
  stringify: ({ value }) => JSON.stringify(value).replace(/^(-?\d+)e/, '$1.0e'),
};

function writeYaml(value: JsonObject): string {
  // compat: texts that a YAML 1.1 reader (PyYAML) would take for something else are quoted.
  const document = new Document(value, {
    customTags: (tags) => [exponentNumber, ...tags],
    compat: 'yaml-1.1',
    aliasDuplicateObjects: false,
  });
  return document.toString({ lineWidth: 0 });
}
