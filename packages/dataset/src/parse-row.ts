import { NlaError } from '@nlakit/core';
import type { NlaRow, SplitName } from '@nlakit/core';
import type { DatasetSidecar } from '@nlakit/sidecar';
import { explanationInPrompt, untagExplanation } from './explanation-text.js';
import { checkVector } from './row-check.js';

/** Where a record was read. */
export interface RecordPlace {
  readonly file: string;
  readonly index: number;
  readonly sidecar: DatasetSidecar;
  readonly split: SplitName;
}

/** One parquet record and its vector as an NLA row, checked. `E_DATASET_VECTOR` or `E_DATASET_ROW` name the row. */
export function parseRow(record: Readonly<Record<string, unknown>>, vector: Float32Array, place: RecordPlace): NlaRow {
  checkVector(vector, { row: place.index, dModel: place.sidecar.dModel, file: place.file });
  const documentId = text(record.doc_id);
  const rawTokens = Number(record.n_raw_tokens);
  if (documentId === undefined) throw rowError(place, 'doc_id is empty.');
  if (!Number.isSafeInteger(rawTokens) || rawTokens < 1) throw rowError(place, 'n_raw_tokens is not a whole number of at least 1.');
  checkLayer(record, place);
  const explanation = explanationOf(record, place);
  const source = text(record.detokenized_text_truncated);
  const token = text(record.token);
  const fields = fieldsOf(record, place);
  const labeler = text(record.labeler_model);
  return {
    id: text(record.row_id) ?? `${documentId}@${rawTokens}`,
    documentId,
    vector,
    rawTokens,
    ...(explanation === undefined ? {} : { explanation }),
    ...(source === undefined ? {} : { text: source }),
    ...(token === undefined ? {} : { token }),
    ...(fields === undefined ? {} : { fields }),
    ...(labeler === undefined ? {} : { labeler }),
  };
}

function checkLayer(record: Readonly<Record<string, unknown>>, place: RecordPlace): void {
  if (record.activation_layer === undefined || record.activation_layer === null) return;
  if (Number(record.activation_layer) === place.sidecar.layer) return;
  throw rowError(place, `activation_layer is ${String(record.activation_layer)}, the sidecar says ${place.sidecar.layer}.`);
}

function explanationOf(record: Readonly<Record<string, unknown>>, place: RecordPlace): string | undefined {
  const response = text(record.response);
  if (response !== undefined) {
    const explanation = untagExplanation(response);
    if (explanation === undefined) throw rowError(place, 'The response holds no <explanation>…</explanation>.');
    return explanation;
  }
  const labelled = text(record.api_explanation);
  const template = place.sidecar.templates.ar;
  const prompt = place.split === 'arSft' ? text(record.prompt) : undefined;
  if (prompt !== undefined && template !== null) {
    const explanation = explanationInPrompt(prompt, template);
    if (explanation === undefined) throw rowError(place, 'The prompt was not made from the AR template of the sidecar.');
    return explanation;
  }
  if (prompt !== undefined && labelled === undefined) throw templateError(place);
  if (labelled === undefined && place.split !== 'heldOut') throw rowError(place, 'A training row needs an explanation.');
  return labelled;
}

function fieldsOf(record: Readonly<Record<string, unknown>>, place: RecordPlace): Readonly<Record<string, string>> | undefined {
  const json = text(record.fields);
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && Object.values(value).every((item) => typeof item === 'string')) {
      return value as Record<string, string>;
    }
  } catch {
    // Falls through to the error below, which names the row.
  }
  throw rowError(place, 'fields is not a JSON object of texts.');
}

/** Empty texts are texts: only what is not there is undefined. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function templateError({ file, index }: RecordPlace): NlaError {
  return new NlaError('E_DATASET_TEMPLATE', {
    message: `Row ${index}: the explanation stands inside the prompt, and the AR template that would tell where is not known.`,
    expected: 'prompt_templates.ar (or .critic) in the sidecar',
    fix: 'Name the release the data belongs to (option preset), or the template (option arTemplate, a file).',
    file,
    kind: 'input',
  });
}

function rowError(place: RecordPlace, message: string): NlaError {
  return new NlaError('E_DATASET_ROW', { message: `Row ${place.index}: ${message}`, file: place.file, kind: 'input' });
}
