import { readFile, stat } from 'node:fs/promises';
import { isNlaError, NlaError } from '@nlakit/core';
import { parseDatasetSidecar } from './parse-dataset-sidecar.js';
import { parseModelSidecar } from './parse-model-sidecar.js';
import { maximumLength, parseRoot, type SidecarNode } from './sidecar-node.js';
import type { Sidecar } from './types.js';
import { upgradeNotes, type UpgradeNote } from './upgrade-notes.js';

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
  return parseNode(parseRoot(text, file));
}

/** A sidecar, and what a reader should know about how it was read. */
export interface NotedSidecar {
  readonly sidecar: Sidecar;
  readonly notes: readonly UpgradeNote[];
}

/** As {@link parseSidecar}, with notes on what an older dialect leaves out, spells otherwise, or lets the reader assume. */
export function parseSidecarWithNotes(text: string, file: string): NotedSidecar {
  const root = parseRoot(text, file);
  const sidecar = parseNode(root);
  return { sidecar, notes: upgradeNotes(root, sidecar) };
}

function parseNode(root: SidecarNode): Sidecar {
  const kind = root.get('kind');
  const value = kind.text();
  if (value === 'nla_model') return parseModelSidecar(root);
  if (value === 'nla_dataset') return parseDatasetSidecar(root);
  const error = kind.wrong('"nla_model" or "nla_dataset"');
  throw new NlaError('E_SIDECAR_KIND', error.details);
}

/** Reads a sidecar file. `E_SIDECAR_READ` if it is not there or cannot be read, `E_SIDECAR_SYNTAX` if it is no UTF-8 text. */
export async function readSidecar(path: string): Promise<Sidecar> {
  return parseSidecar(await readSidecarText(path), path);
}

/** Reads a sidecar file with the notes on what was taken as given; see {@link parseSidecarWithNotes}. */
export async function readSidecarWithNotes(path: string): Promise<NotedSidecar> {
  return parseSidecarWithNotes(await readSidecarText(path), path);
}

async function readSidecarText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    // A file of weights that was taken for a sidecar is not read first.
    const { size } = await stat(path);
    if (size > 4 * maximumLength) throw sizeError(path, size);
    bytes = await readFile(path);
  } catch (cause) {
    if (isNlaError(cause)) throw cause;
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
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new NlaError('E_SIDECAR_SYNTAX', {
      message: 'The file is not UTF-8 text.',
      expected: 'a sidecar saved as UTF-8',
      fix: 'Save it again as UTF-8; Windows PowerShell writes UTF-16 unless told otherwise.',
      file: path,
      kind: 'input',
      cause,
    });
  }
}

function sizeError(path: string, size: number): NlaError {
  return new NlaError('E_SIDECAR_SYNTAX', {
    message: 'The file is too long for a sidecar.',
    found: `${size} bytes`,
    expected: `at most ${4 * maximumLength}`,
    file: path,
    kind: 'input',
  });
}
