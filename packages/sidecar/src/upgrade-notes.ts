import type { SidecarNode } from './sidecar-node.js';
import type { DatasetSidecar, ModelSidecar, Sidecar } from './types.js';
import { presetsOf } from './presets/find-preset.js';

/** One thing that a sidecar of another dialect does not say as this schema does. */
export interface UpgradeNote {
  /** Path of the value in the schema that is written today. */
  readonly field: string;
  /**
   * `missing`: it is in neither place and must be given before the contract can be used; `assumed`: a value was taken that the file does
   * not state; `respelled`: it stands in the file in another place or form; `kept`: a key outside the schema, kept as it is;
   * `unverifiable`: the file promises nothing that it could be checked by.
   */
  readonly state: 'missing' | 'assumed' | 'respelled' | 'kept' | 'unverifiable';
  readonly note: string;
}

/** What reading `sidecar` from `root` took for granted. Empty for what nlakit itself has written. */
export function upgradeNotes(root: SidecarNode, sidecar: Sidecar): UpgradeNote[] {
  const notes: UpgradeNote[] = [];
  const add = (state: UpgradeNote['state'], field: string, note: string): void => void notes.push({ field, state, note });
  if (!root.get('schema_version').present) add('assumed', 'schema_version', 'not stated; read by the rules of the newest one');
  if (sidecar.kind === 'nla_model') addModelNotes(root, sidecar, add);
  else addDatasetNotes(root, sidecar, add);
  addTokenNotes(sidecar, add);
  addTemplateNotes(root, sidecar, add);
  const ple = root.get(sidecar.kind === 'nla_model' ? 'extraction' : 'injection').get('ple_mode');
  if (!ple.present) {
    const note =
      'not stated; "marker" assumed, what a hook on the embedding layer does: the marker keeps its per-layer embedding (Gemma 4)';
    add('assumed', sidecar.kind === 'nla_model' ? 'extraction.ple_mode' : 'injection.ple_mode', note);
  }
  if (sidecar.createdAt === null) add('unverifiable', 'created_at', 'not stated');
  if (sidecar.contentHash === null)
    add('unverifiable', 'content_hash', 'no hashes: a changed file beside the sidecar would not be noticed');
  for (const key of Object.keys(sidecar.extensions)) {
    if (!key.startsWith('x_')) add('kept', key, `not part of the schema; written as x_${key}`);
  }
  return notes;
}

type Add = (state: UpgradeNote['state'], field: string, note: string) => void;

function addModelNotes(root: SidecarNode, sidecar: ModelSidecar, add: Add): void {
  const role = root.get('role').text();
  if (role !== sidecar.role) add('respelled', 'role', `"${role}" is read as "${sidecar.role}"`);
  if (sidecar.dialect === 'solshine') {
    add('respelled', 'base_checkpoint', 'from base_model');
    add('respelled', 'd_model', 'from extraction.d_model');
  }
  const layer = layerSource(root);
  if (layer === undefined)
    add('missing', 'extraction_layer_index', 'the layer K is stated nowhere; the data the weights were trained on names it');
  else if (layer !== 'extraction_layer_index') add('respelled', 'extraction_layer_index', `from ${layer}`);
  addScaleNotes(root.get('extraction').get('injection_scale'), 'extraction.injection_scale', sidecar.injectionScale, add);
  if (sidecar.role === 'av' && sidecar.injectionScale === null) {
    add(
      'missing',
      'extraction.injection_scale',
      'no norm for injected vectors: an AV of it must not be trained on; raw vectors would be injected',
    );
  }
  const mse = root.get('extraction').get('mse_scale');
  if (!mse.stated) add('assumed', 'extraction.mse_scale', `not stated; sqrt(d_model) = ${sidecar.mseScale ?? 0}`);
  else addScaleNotes(mse, 'extraction.mse_scale', sidecar.mseScale, add);
  for (const key of ['av_lora', 'ar_lora']) if (root.get(key).present) add('respelled', 'adapter', `from ${key}`);
  if (sidecar.step !== null && !root.get('step').present) {
    const source =
      sidecar.training?.['steps_completed_at_this_checkpoint'] === undefined
        ? 'steps_completed_cumulative'
        : 'steps_completed_at_this_checkpoint';
    add('respelled', 'step', `from training.${source}`);
  }
  if (sidecar.baselines === null) {
    add('unverifiable', 'baselines', 'no rho: what the best constant reaches is unknown, so a cosine by itself says little');
  }
}

function addDatasetNotes(root: SidecarNode, sidecar: DatasetSidecar, add: Add): void {
  if (!root.get('extraction').get('norm').present) add('assumed', 'extraction.norm', 'not stated; "none" assumed: raw vectors');
  else if (sidecar.norm !== 'none') {
    add('unverifiable', 'extraction.norm', `"${sidecar.norm}": vectors were rescaled when they were read, and their lengths say nothing`);
  }
  const scale = root.get('injection').get('scale');
  if (!scale.stated) add('assumed', 'injection.scale', "not stated, as in all of upstream's data: it belongs to the training");
  else addScaleNotes(scale, 'injection.scale', sidecar.injectionScale, add);
  const mse = root.get('injection').get('mse_scale');
  if (!mse.stated) add('assumed', 'injection.mse_scale', `not stated; sqrt(d_model) = ${sidecar.mseScale ?? 0}`);
  if (sidecar.stage === 'ar_sft' && sidecar.tokens?.criticSuffixIds === null) {
    add('unverifiable', 'tokens.critic_suffix_ids', 'not stated, so that a changed AR template or tokenizer would not be noticed');
  }
}

function addScaleNotes(node: SidecarNode, field: string, value: number | null, add: Add): void {
  const stated = node.optional((one) => one.json());
  if (typeof stated === 'string') add('respelled', field, `"${stated}" is ${value ?? 'no rescaling'}`);
}

function addTokenNotes(sidecar: Sidecar, add: Add): void {
  if (sidecar.tokens === null) add('missing', 'tokens', 'no marker is named; needed as soon as prompts are built');
  else if (sidecar.tokens.injectionChar === null) {
    add('missing', 'tokens.injection_char', `only its id ${sidecar.tokens.injectionTokenId} is stated${presetHint(sidecar)}`);
  }
}

function addTemplateNotes(root: SidecarNode, sidecar: Sidecar, add: Add): void {
  if (sidecar.kind === 'nla_dataset' && sidecar.stage === 'base') return;
  const spelling = sidecar.kind === 'nla_model' ? ({ av: 'actor', ar: 'critic' } as const) : null;
  for (const key of ['av', 'ar'] as const) {
    const field = `prompt_templates.${sidecar.kind === 'nla_model' ? key : { av: 'actor', ar: 'critic' }[key]}`;
    if (sidecar.templates[key] === null) add('missing', field, `not stated${presetHint(sidecar)}`);
    else if (spelling !== null && !root.get('prompt_templates').get(key).present) {
      add('respelled', field, `from prompt_templates.${spelling[key]}`);
    }
  }
  const format = root.get('prompt_format');
  if (!format.get('av_chat').present) {
    const rule = sidecar.templates.avChat
      ? 'prompts of this dialect go through the chat template'
      : 'prompts of this dialect are raw texts';
    add('assumed', 'prompt_format.av_chat', `not stated; ${String(sidecar.templates.avChat)}: ${rule}`);
  }
  if (!format.get('ar_add_special_tokens').present) {
    add(
      'assumed',
      'prompt_format.ar_add_special_tokens',
      'not stated; true, as kitft does (EasyNLA does not: BOS would be one token too many)',
    );
  }
}

function presetHint(sidecar: Sidecar): string {
  const names = presetsOf(sidecar).map(({ name }) => name);
  return names.length === 0 ? '' : `; the preset ${names.join(' or ')} knows it`;
}

function layerSource(root: SidecarNode): string | undefined {
  const places = [
    ['critic', 'extraction_layer_index'],
    ['critic', 'num_hidden_layers'],
    ['ar', 'num_hidden_layers'],
    ['extraction_layer_index'],
    ['extraction', 'layer'],
    ['extraction', 'layer_index'],
  ];
  return places.find((place) => place.reduce((node, key) => node.get(key), root).present)?.join('.');
}
