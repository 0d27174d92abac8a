import {
  readExtensions,
  readHashes,
  readPerLayerIds,
  readScale,
  readSchemaVersion,
  readTemplates,
  readTexts,
  readTokens,
} from './parse-common.js';
import type { SidecarNode } from './sidecar-node.js';
import type { DatasetSidecar } from './types.js';

const knownKeys = new Set([
  'dataset_id',
  'stage',
  'row_count',
  'extraction',
  'kind',
  'schema_version',
  'keep_debug_metadata',
  'tokens',
  'prompt_templates',
  'prompt_format',
  'injection',
  'api_summaries',
  'labels',
  'activation_norms',
  'parent_datasets',
  'created_at',
  'created_by',
  'git_commit',
  'content_hash',
]);

/** Reads a sidecar of kind `nla_dataset`: kitft's, or ours with additional blocks. */
export function parseDatasetSidecar(root: SidecarNode): DatasetSidecar {
  const extraction = root.get('extraction');
  const dModel = extraction.get('d_model').integer(1);
  const createdBy = root.get('created_by').optional((value) => value.text());
  const injection = root.get('injection');
  const stage = root.get('stage').text();
  return {
    kind: 'nla_dataset',
    dialect: createdBy?.startsWith('nlakit') === true ? 'nlakit' : 'kitft',
    schemaVersion: readSchemaVersion(root, 1),
    datasetId: root.get('dataset_id').text(),
    stage,
    rowCount: root.get('row_count').integer(0),
    baseModel: extraction.get('base_model').text(),
    dModel,
    layer: extraction.get('layer_index').integer(0),
    norm: extraction.get('norm').optional((value) => value.text()) ?? 'none',
    corpus: extraction.get('corpus').optional((value) => value.text()),
    corpusSlice: extraction
      .get('corpus_slice')
      .optional((value) => ({ start: value.get('start').integer(0), length: value.get('length').integer(0) })),
    positionsPerDoc: extraction.get('positions_per_doc').optional((value) => value.integer(1)),
    tokens: stage === 'base' ? root.get('tokens').optional(readTokens) : readTokens(root.get('tokens')),
    templates: readTemplates(root, true),
    injectionScale: readScale(injection.get('scale'), dModel, null),
    mseScale: readScale(injection.get('mse_scale'), dModel, Math.sqrt(dModel)),
    perLayerIds: readPerLayerIds(injection.get('ple_mode')),
    apiSummaries: root.get('api_summaries').optional((value) => value.jsonObject()),
    labels: root.get('labels').optional((value) => value.jsonObject()),
    activationNorms: root.get('activation_norms').optional((value) => value.jsonObject()),
    parentDatasets: readTexts(root.get('parent_datasets')),
    createdAt: root.get('created_at').optional((value) => value.text()),
    createdBy,
    gitCommit: root.get('git_commit').optional((value) => value.text()),
    contentHash: readHashes(root.get('content_hash')),
    extensions: readExtensions(root, knownKeys),
  };
}
