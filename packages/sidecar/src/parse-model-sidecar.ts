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
import type { Baselines, ModelSidecar, SidecarDialect, SidecarGuard } from './types.js';

const knownKeys = new Set([
  'kind',
  'schema_version',
  'role',
  'stage',
  'base_checkpoint',
  'base_model',
  'd_model',
  'extraction',
  'extraction_layer_index',
  'critic',
  'ar',
  'tokens',
  'prompt_templates',
  'prompt_format',
  'step',
  'trained_on',
  'parent_checkpoints',
  'created_at',
  'created_by',
  'git_commit',
  'adapter',
  'av_lora',
  'ar_lora',
  'training',
  'training_data',
  'eval_provenance',
  'baselines',
  'metrics',
  'evaluations',
  'guard',
  'retraction',
  'content_hash',
]);

/** Reads a sidecar of kind `nla_model` in any dialect. */
export function parseModelSidecar(root: SidecarNode): ModelSidecar {
  const spelledRole = root.get('role').oneOf(['av', 'ar', 'actor', 'critic']);
  const role = spelledRole === 'av' || spelledRole === 'actor' ? 'av' : 'ar';
  const dialect = dialectOf(root, spelledRole);
  const extraction = root.get('extraction');
  const dModel = (dialect === 'solshine' ? extraction : root).get('d_model').integer(1);
  const training = root.get('training').optional((value) => value.jsonObject());
  const adapterBlock = ['adapter', 'av_lora', 'ar_lora'].map((key) => root.get(key)).find((node) => node.present);
  return {
    kind: 'nla_model',
    dialect,
    schemaVersion: readSchemaVersion(root, 2),
    role,
    stage: root.get('stage').optional((value) => value.text()),
    baseModel: root.get(dialect === 'solshine' ? 'base_model' : 'base_checkpoint').text(),
    dModel,
    layer: readLayer(root),
    truncation: root
      .get('ar')
      .get('truncation')
      .optional((value) => value.integer(1)),
    // An AR has no slot; kitft writes null there. An AV without a scale must not be trained: contractOf passes the null on.
    injectionScale: readScale(extraction.get('injection_scale'), dModel, null),
    mseScale: readScale(extraction.get('mse_scale'), dModel, Math.sqrt(dModel)),
    perLayerIds: readPerLayerIds(extraction.get('ple_mode')),
    tokens: readTokens(root.get('tokens')),
    templates: readTemplates(root, dialect !== 'solshine'),
    step: root.get('step').optional((value) => value.integer(0)) ?? solshineStep(training),
    trainedOn: readTexts(root.get('trained_on')),
    parentCheckpoints: readTexts(root.get('parent_checkpoints')),
    createdAt: root.get('created_at').optional((value) => value.text()),
    createdBy: root.get('created_by').optional((value) => value.text()),
    gitCommit: root.get('git_commit').optional((value) => value.text()),
    adapter: adapterBlock === undefined ? null : adapterBlock.jsonObject(),
    training,
    trainingData: root.get('training_data').optional((value) => value.jsonObject()),
    evalProvenance: root.get('eval_provenance').optional((value) => value.jsonObject()),
    baselines: root.get('baselines').optional(readBaselines),
    metrics: root.get('metrics').optional((value) => value.jsonObject()),
    evaluations: root.get('evaluations').optional((value) => value.jsonObject()),
    guard: root.get('guard').optional(readGuard),
    retraction: root.get('retraction').optional((node) => ({ reason: node.get('reason').text(), at: node.get('at').text() })),
    contentHash: readHashes(root.get('content_hash')),
    extensions: readExtensions(root, knownKeys),
  };
}

function dialectOf(root: SidecarNode, role: 'av' | 'ar' | 'actor' | 'critic'): SidecarDialect {
  if (
    root
      .get('created_by')
      .optional((value) => value.text())
      ?.startsWith('nlakit') === true
  )
    return 'nlakit';
  if (root.get('base_model').present && !root.get('base_checkpoint').present) return 'solshine';
  return role === 'av' || role === 'ar' ? 'kitft-release' : 'kitft';
}

/** All spellings store K; a HF config stores K + 1. */
function readLayer(root: SidecarNode): number | null {
  const places = [
    root.get('critic').get('extraction_layer_index'),
    root.get('critic').get('num_hidden_layers'),
    root.get('ar').get('num_hidden_layers'),
    root.get('extraction_layer_index'),
    root.get('extraction').get('layer'),
    root.get('extraction').get('layer_index'),
  ];
  return places.find((node) => node.present)?.integer(0) ?? null;
}

function solshineStep(training: Readonly<Record<string, unknown>> | null): number | null {
  const step = training?.steps_completed_at_this_checkpoint ?? training?.steps_completed_cumulative;
  return typeof step === 'number' && Number.isSafeInteger(step) ? step : null;
}

function readBaselines(node: SidecarNode): Baselines {
  return {
    rho: node.get('rho').number(),
    rawvar: node.get('rawvar').number(),
    meannorm: node.get('meannorm').number(),
    n: node.get('n').integer(0),
    sourceHash: node.get('source_hash').optional((value) => value.text()),
  };
}

function readGuard(node: SidecarNode): SidecarGuard {
  return {
    verdict: node.get('verdict').oneOf(['accepted', 'acknowledge', 'refused']),
    activationRatio: node
      .get('ratios')
      .get('activation')
      .optional((value) => value.number()),
    embeddingRatio: node
      .get('ratios')
      .get('embedding')
      .optional((value) => value.number()),
    medianActivationNorm: node.get('median_act_norm').number(),
    medianEmbeddingNorm: node.get('median_embed_norm').number(),
    reasons: readTexts(node.get('reasons')),
    override: node.get('override').optional((value) => value.boolean()) ?? false,
  };
}
