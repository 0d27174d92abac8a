import type { SchemaElement } from 'hyparquet';
import type { SplitName } from '@nlakit/core';

/** File names of the three splits inside a dataset folder. */
export const SPLIT_FILES: Readonly<Record<SplitName, string>> = {
  avSft: 'av_sft.parquet',
  arSft: 'ar_sft.parquet',
  heldOut: 'held_out.parquet',
};

/** `stage` of the sidecar of each split. */
export const SPLIT_STAGES: Readonly<Record<SplitName, string>> = { avSft: 'av_sft', arSft: 'ar_sft', heldOut: 'held_out' };

/** Stands in a stored AV prompt where the marker goes: data files hold no token ids and no marker. */
export const PROMPT_SLOT = '<INJECT>';

/** Columns in file order: kitft's, then ours. */
export const COLUMN_NAMES = [
  'prompt',
  'response',
  'activation_vector',
  'n_raw_tokens',
  'activation_layer',
  'doc_id',
  'detokenized_text_truncated',
  'row_id',
  'token',
  'fields',
] as const;

/** The parquet schema of one split. `prompt` is a list of chat messages, except in AR files, where it is a text. */
export function splitSchema(split: SplitName): SchemaElement[] {
  return [
    { name: 'root', num_children: COLUMN_NAMES.length },
    ...(split === 'arSft' ? [text('prompt', 'REQUIRED')] : messages()),
    text('response', 'OPTIONAL'),
    { name: 'activation_vector', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', type: 'FLOAT' },
    { name: 'n_raw_tokens', repetition_type: 'REQUIRED', type: 'INT64' },
    { name: 'activation_layer', repetition_type: 'REQUIRED', type: 'INT64' },
    text('doc_id', 'REQUIRED'),
    text('detokenized_text_truncated', 'OPTIONAL'),
    text('row_id', 'REQUIRED'),
    text('token', 'OPTIONAL'),
    text('fields', 'OPTIONAL'),
  ];
}

function messages(): SchemaElement[] {
  return [
    { name: 'prompt', repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', num_children: 2 },
    text('role', 'REQUIRED'),
    text('content', 'REQUIRED'),
  ];
}

function text(name: string, repetition: 'REQUIRED' | 'OPTIONAL'): SchemaElement {
  return { name, repetition_type: repetition, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
}
