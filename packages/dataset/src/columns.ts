import type { SchemaElement } from 'hyparquet';
import type { SplitName } from '@nlakit/core';

/** What a data file is for: kitft's stages, and `held_out` for labelled rows to measure on. */
export type DataStage = 'base' | 'av_sft' | 'ar_sft' | 'rl' | 'held_out';

/** File names of the three splits inside a dataset folder. */
export const SPLIT_FILES: Readonly<Record<SplitName, string>> = {
  avSft: 'av_sft.parquet',
  arSft: 'ar_sft.parquet',
  heldOut: 'held_out.parquet',
};

/** `stage` of the sidecar of each split. */
export const SPLIT_STAGES: Readonly<Record<SplitName, DataStage>> = { avSft: 'av_sft', arSft: 'ar_sft', heldOut: 'held_out' };

/** Stands in a stored AV prompt where the marker goes: data files hold no token ids and no marker. */
export const PROMPT_SLOT = '<INJECT>';

/** The column of vectors. */
export const VECTOR_COLUMN = 'activation_vector';

/** Columns that say where a row comes from and what it is, in file order: kitft's, `labeler_model` of the seed, then ours. */
const provenance = [
  'n_raw_tokens',
  'activation_layer',
  'doc_id',
  'detokenized_text_truncated',
  'labeler_model',
  'row_id',
  'token',
  'fields',
] as const;

/** A column that is read or written. */
export type ColumnName = (typeof provenance)[number] | 'prompt' | 'response' | 'api_explanation' | typeof VECTOR_COLUMN;

/** Every column with a meaning; others are left unread. */
export const KNOWN_COLUMNS: readonly ColumnName[] = ['prompt', 'response', 'api_explanation', VECTOR_COLUMN, ...provenance];

/** Columns of a file of that stage, in file order. `base` rows have no prompts yet; their labels stand in `api_explanation`. */
export function columnsOf(stage: DataStage): readonly ColumnName[] {
  const before: readonly ColumnName[] = stage === 'base' ? ['api_explanation'] : ['prompt', 'response'];
  return [...before, VECTOR_COLUMN, ...provenance];
}

/** The parquet schema of a stage. `prompt` is a list of chat messages, except in AR files, where it is a text. */
export function schemaOf(stage: DataStage): SchemaElement[] {
  const columns = columnsOf(stage);
  return [{ name: 'root', num_children: columns.length }, ...columns.flatMap((column) => elementsOf(column, stage))];
}

function elementsOf(column: ColumnName, stage: DataStage): SchemaElement[] {
  switch (column) {
    case 'prompt':
      return stage === 'ar_sft' ? [text('prompt', 'REQUIRED')] : messages();
    case VECTOR_COLUMN:
      return [...list(VECTOR_COLUMN), { name: 'element', repetition_type: 'REQUIRED', type: 'FLOAT' }];
    case 'n_raw_tokens':
    case 'activation_layer':
      return [{ name: column, repetition_type: 'REQUIRED', type: 'INT64' }];
    case 'doc_id':
    case 'row_id':
      return [text(column, 'REQUIRED')];
    case 'response':
    case 'api_explanation':
    case 'detokenized_text_truncated':
    case 'labeler_model':
    case 'token':
    case 'fields':
      return [text(column, 'OPTIONAL')];
  }
}

function messages(): SchemaElement[] {
  return [
    ...list('prompt'),
    { name: 'element', repetition_type: 'REQUIRED', num_children: 2 },
    text('role', 'REQUIRED'),
    text('content', 'REQUIRED'),
  ];
}

/** The two outer levels of a list as the format wants them spelled. */
function list(name: string): SchemaElement[] {
  return [
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  ];
}

function text(name: string, repetition: 'REQUIRED' | 'OPTIONAL'): SchemaElement {
  return { name, repetition_type: repetition, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
}
