import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { NlaError } from '@nlakit/core';
import type { DatasetDescription, JsonValue, SplitName } from '@nlakit/core';
import { contractDifferences, contractOf, datasetSidecarPath } from '@nlakit/sidecar';
import type { DatasetSidecar } from '@nlakit/sidecar';
import { readDatasetSidecar } from './open-split.js';
import { splitFile } from './write-rows.js';

const splitNames: readonly SplitName[] = ['avSft', 'arSft', 'heldOut'];

/** Describes the dataset in a folder from the sidecars of its splits; see {@link describeFiles}. */
export async function describeDataset(folder: string): Promise<DatasetDescription> {
  const files = splitNames.map((split) => [split, splitFile(folder, split)] as const).filter(([, file]) => existsSync(file));
  if (files.length === 0) {
    throw new NlaError('E_DATASET_OPEN', {
      message: 'There is no dataset in this folder.',
      expected: splitNames.map((split) => basename(splitFile(folder, split))).join(', '),
      fix: 'Run `nla data build` first.',
      file: folder,
      kind: 'input',
    });
  }
  return describeFiles(Object.fromEntries(files));
}

/** Reads the sidecars beside the given files and describes them; see {@link describeSidecars}. */
export async function describeFiles(files: Readonly<Partial<Record<SplitName, string>>>): Promise<DatasetDescription> {
  const read: Partial<Record<SplitName, DescribedFile>> = {};
  for (const split of splitNames) {
    const path = files[split];
    if (path !== undefined) read[split] = { path, sidecar: await readDatasetSidecar(path) };
  }
  return describeSidecars(read);
}

/** A data file and the sidecar it is read with. */
interface DescribedFile {
  readonly path: string;
  readonly sidecar: DatasetSidecar;
}

/**
 * Checks that sidecars belong together: same base model, layer, tokens and templates, or `E_DATASET_CONTRACT` naming what differs. The id
 * and contract are those of the first file; `sidecar` holds all of them by split.
 */
export function describeSidecars(files: Readonly<Partial<Record<SplitName, DescribedFile>>>): DatasetDescription {
  const read = splitNames.flatMap((split) => {
    const described = files[split];
    if (described === undefined) return [];
    const { path, sidecar } = described;
    return [{ split, file: datasetSidecarPath(path), sidecar, contract: contractOf(sidecar) }];
  });
  const first = read[0];
  if (first === undefined) throw new NlaError('E_DATASET_OPEN', { message: 'No data file is named.', kind: 'input' });
  for (const other of read.slice(1)) {
    const differences = contractDifferences(first.contract, other.contract);
    if (differences.length === 0) continue;
    throw new NlaError('E_DATASET_CONTRACT', {
      message: `The data files do not belong together: ${other.split} differs from ${first.split}.`,
      found: differences.join(', '),
      expected: `what ${first.file} says`,
      fix: 'Use files made in one go for one model and layer.',
      file: other.file,
      kind: 'input',
    });
  }
  const suffix = read.map(({ contract }) => contract.tokens.criticSuffixIds).find((ids) => ids !== null) ?? null;
  return {
    datasetId: first.sidecar.datasetId,
    contract: { ...first.contract, tokens: { ...first.contract.tokens, criticSuffixIds: suffix } },
    sidecar: Object.fromEntries(read.map(({ split, sidecar }) => [split, JSON.parse(JSON.stringify(sidecar)) as JsonValue])),
  };
}
