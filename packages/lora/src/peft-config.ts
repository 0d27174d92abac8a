import { NlaError, type LoraSpec, type Warning } from '@nlakit/core';
import { checkSpec } from './spec.js';

/** Fields that change what an adapter computes and that are not supported: accepted only when empty. */
const unsupported = [
  'alora_invocation_tokens',
  'alpha_pattern',
  'arrow_config',
  'exclude_modules',
  'fan_in_fan_out',
  'kasa_config',
  'layer_replication',
  'layers_to_transform',
  'lora_bias',
  'megatron_config',
  'modules_to_save',
  'monteclora_config',
  'rank_pattern',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_dora',
  'use_qalora',
  'velora_config',
];

/** Fields that say how the adapter came about, or nothing at all once it is trained. */
const harmless = [
  'auto_mapping',
  'base_model_name_or_path',
  'bias',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'inference_mode',
  'init_lora_weights',
  'layers_pattern',
  'loftq_config',
  'lora_alpha',
  'lora_dropout',
  'lora_ga_config',
  'megatron_core',
  'peft_type',
  'peft_version',
  'qalora_group_size',
  'r',
  'revision',
  'runtime_config',
  'target_modules',
  'task_type',
  'use_rslora',
];

/** Initialisations that also change the base weights, so that the adapter does not fit the published base. */
const changesBase = /^(pissa|olora|corda|loftq|lora_ga)/;

/**
 * The text of `adapter_config.json`: the fields that every PEFT version knows, keys sorted, indented by 2, no newline at the end.
 * No `peft_version`: PEFT did not write it.
 */
export function peftConfigText(spec: LoraSpec, baseModel: string): string {
  const config = {
    base_model_name_or_path: baseModel,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: spec.alpha,
    lora_dropout: spec.dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: spec.rank,
    target_modules: typeof spec.targets === 'string' ? spec.targets : [...spec.targets].sort(),
    task_type: 'CAUSAL_LM',
    use_rslora: spec.rankStabilized,
  };
  return JSON.stringify(config, null, 2);
}

/** What an `adapter_config.json` says. */
export interface PeftConfig {
  readonly spec: LoraSpec;
  /** `null` if the file does not name one. */
  readonly baseModel: string | null;
  /** Fields that this package does not know and that are not empty: `W_LORA_UNKNOWN_FIELD`. */
  readonly warnings: readonly Warning[];
}

/**
 * Reads `adapter_config.json`. Throws `E_LORA_CONFIG` if it is no LoRA configuration, `E_LORA_UNSUPPORTED` naming the field if it
 * asks for something that is not computed here, and `E_LORA_SPEC`.
 */
export function parsePeftConfig(text: string, file: string): PeftConfig {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw unusable(
      file,
      'The adapter configuration is not JSON.',
      cause instanceof Error ? cause.message : 'something else',
      'a JSON object',
      cause,
    );
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw unusable(file, 'The adapter configuration is no object.', JSON.stringify(root).slice(0, 80), 'a JSON object');
  }
  const fields = new Map(Object.entries(root) as [string, unknown][]);
  if (fields.get('peft_type') !== 'LORA')
    throw unusable(file, 'The adapter is no LoRA.', show(fields.get('peft_type')), 'peft_type "LORA"');
  for (const name of unsupported) refuseUnless(isEmpty(fields.get(name)), file, name, fields.get(name), 'nothing');
  const bias = fields.get('bias');
  refuseUnless(isEmpty(bias) || bias === 'none', file, 'bias', bias, '"none"');
  const initialisation = fields.get('init_lora_weights');
  refuseUnless(
    !(typeof initialisation === 'string' && changesBase.test(initialisation)),
    file,
    'init_lora_weights',
    initialisation,
    'one that leaves the base as it is',
  );

  const targets = fields.get('target_modules');
  const isList = Array.isArray(targets) && targets.every((item) => typeof item === 'string');
  if (typeof targets !== 'string' && !isList)
    throw unusable(file, 'The adapter names no target modules.', show(targets), 'a string or a list of strings');
  const stabilized = fields.get('use_rslora') ?? false;
  if (typeof stabilized !== 'boolean') throw unusable(file, 'use_rslora is neither true nor false.', show(stabilized), 'true or false');
  const number = (name: string, otherwise?: number): number => {
    const value = fields.get(name) ?? otherwise;
    if (typeof value === 'number') return value;
    throw unusable(file, `${name} is no number.`, show(value), 'a number');
  };
  const spec: LoraSpec = {
    rank: number('r'),
    alpha: number('lora_alpha'),
    dropout: number('lora_dropout', 0),
    targets: typeof targets === 'string' ? targets : targets,
    rankStabilized: stabilized,
  };
  checkSpec(spec, file);
  const known = new Set([...unsupported, ...harmless]);
  const warnings = [...fields]
    .filter(([name, value]) => !known.has(name) && !isEmpty(value))
    .map(([name, value]) => ({
      code: 'W_LORA_UNKNOWN_FIELD',
      message: `${file}: the field ${name} is unknown and was ignored: ${show(value)}`,
    }));
  const baseModel = fields.get('base_model_name_or_path');
  return { spec, baseModel: typeof baseModel === 'string' && baseModel !== '' ? baseModel : null, warnings };
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function refuseUnless(valid: boolean, file: string, name: string, found: unknown, expected: string): void {
  if (valid) return;
  throw new NlaError('E_LORA_UNSUPPORTED', {
    message: `The adapter uses ${name}, which is not supported.`,
    file,
    found: show(found),
    expected,
    fix: 'Merge the adapter with PEFT, or train one without it.',
    kind: 'input',
  });
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function unusable(file: string, message: string, found: string, expected: string, cause?: unknown): NlaError {
  return new NlaError('E_LORA_CONFIG', { message, file, found, expected, kind: 'input', ...(cause === undefined ? {} : { cause }) });
}
