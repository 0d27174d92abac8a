import { readFile } from 'node:fs/promises';
import { NlaError } from '@nlakit/core';
import { parseDatasetSidecar } from './parse-dataset-sidecar.js';
import { parseModelSidecar } from './parse-model-sidecar.js';
import { parseRoot } from './sidecar-node.js';
import type { Sidecar } from './types.js';

/** File name of a model's sidecar inside its checkpoint folder. */
export const SIDECAR_FILE = 'nla_meta.yaml';

/** Path of a data file's sidecar: the suffix is added to the whole file name; a slice suffix such as `@[0:100]` is dropped first. */
export function datasetSidecarPath(dataFile: string): string {
  return `${dataFile.replace(/@\[[^\]]*\]$/, '')}.${SIDECAR_FILE}`;
}

/**
 * Reads sidecar text of any dialect. `file` is only named in errors, which are `NlaError`s `E_SIDECAR_SYNTAX`, `E_SIDECAR_KIND`,
 * `E_SIDECAR_MISSING`, `E_SIDECAR_VALUE`, `E_SIDECAR_SCALE` or `E_SIDECAR_TEMPLATE` with line and column.
 */
export function parseSidecar(text: string, file: string): Sidecar {
  const root = parseRoot(text, file);
  const kind = root.get('kind');
  const value = kind.text();
  if (value === 'nla_model') return parseModelSidecar(root);
  if (value === 'nla_dataset') return parseDatasetSidecar(root);
  const error = kind.wrong('"nla_model" or "nla_dataset"');
  throw new NlaError('E_SIDECAR_KIND', error.details);
}

/** Reads a sidecar file. `E_SIDECAR_READ` if it is not there or cannot be read. */
export async function readSidecar(path: string): Promise<Sidecar> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new NlaError('E_SIDECAR_READ', {
      message: 'The sidecar cannot be read.',
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'a file nla_meta.yaml beside the weights, or <file>.nla_meta.yaml beside the data',
      fix: 'Point to a folder or file that nlakit, kitft or a trajectory release has written, with its sidecar.',
      file: path,
      kind: 'input',
      cause,
    });
  }
  return parseSidecar(text, path);
}
