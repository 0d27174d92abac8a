import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { JsonValue } from '@nlakit/core';
import { parseSidecar, writeModelSidecar } from '@nlakit/sidecar';
import { sha256Text } from './canonical-json.js';
import { sha256File } from './file-writing.js';
import type { StoredEvaluation } from './eval-stage.js';
import type { Retraction } from './retractions.js';

/** A stored evaluation with its file. */
export interface EvaluationFile {
  readonly file: string;
  readonly evaluation: StoredEvaluation;
}

/**
 * The text of a checkpoint's sidecar with the evaluations of exactly this checkpoint in its `evaluations` block, by evaluator id; the text
 * as it is where there are none. This is what is published: the step folder itself keeps the bytes that training wrote, which evaluations
 * and resuming refer to by hash. The hash is kept as `measured_sidecar_sha256`, and `file` is relative to `runFolder`. A retraction of the
 * step is said in its `retraction` block, so that whoever has this folder alone learns of it.
 */
export async function evaluatedSidecar(
  sidecarFile: string,
  evaluations: readonly EvaluationFile[],
  runFolder: string,
  retraction?: Retraction,
): Promise<string> {
  const text = await readFile(sidecarFile, 'utf8');
  const hash = sha256Text(text);
  const own = evaluations.filter(({ evaluation }) => evaluation.checkpoint.sha256 === hash);
  const sidecar = parseSidecar(text, sidecarFile);
  if ((own.length === 0 && retraction === undefined) || sidecar.kind !== 'nla_model') return text;
  const block: Record<string, JsonValue> = {};
  for (const { file, evaluation } of own) {
    block[evaluation.id] = {
      evaluator: evaluation.evaluator,
      version: evaluation.version,
      rows: evaluation.rows.length,
      summary: evaluation.summary,
      provenance: evaluation.provenance,
      warnings: evaluation.warnings.map(({ code, message }) => ({ code, message })),
      measured_sidecar_sha256: hash,
      reconstructor_sidecar_sha256: evaluation.reconstructor.sha256,
      file: relative(runFolder, file).split(sep).join('/'),
      file_sha256: await sha256File(file),
    };
  }
  return writeModelSidecar({
    ...sidecar,
    ...(own.length === 0 ? {} : { evaluations: { ...sidecar.evaluations, ...block } }),
    ...(retraction === undefined ? {} : { retraction: { reason: retraction.reason, at: retraction.at } }),
  });
}
