import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isNlaError, type DatasetContext, type NlaContract, type NlaRow } from '@nlakit/core';
import { readDatasetSidecar, writeRows } from '@nlakit/dataset';
import { contractFields } from '@nlakit/sidecar';
import { createChunkReader } from '../extract/chunk-reader.js';
import { itemOfRow } from '../extract/corpus-row.js';
import type { Extraction } from '../extract/extraction.js';
import type { CorpusDatasetOptions } from '../options.js';
import { stageFolder } from '../stage-folder.js';
import { corpusKey } from './build-stage.js';
import { baseId } from './dataset-ids.js';

/** What a base file is made from. */
export interface BaseSetup {
  readonly contract: NlaContract;
  readonly corpusNames: readonly string[];
  readonly extraction: Extraction;
  readonly options: Pick<CorpusDatasetOptions, 'positionsPerDocument'>;
  readonly context: Pick<DatasetContext, 'model' | 'folder' | 'signal'>;
}

/**
 * Writes all extracted rows, before they are split, as upstream's file of stage `base`: one `base_L<K>.parquet` for every layer that was
 * read. A file of this extraction that is there is left alone. Returns the paths.
 */
export async function writeBase(setup: BaseSetup): Promise<string[]> {
  const { contract, corpusNames, extraction, options, context } = setup;
  const files: string[] = [];
  for (const layer of Object.keys(extraction.layers).map(Number)) {
    const file = join(context.folder, `base_L${layer}.parquet`);
    files.push(file);
    if (await isMade(file, extraction.fingerprint)) continue;
    const corpus = corpusNames.join(' + ');
    const slice = { start: 0, length: extraction.seen };
    const ofLayer = { ...contract, layer };
    await writeRows(file, 'base', rowsOf(layer, extraction, context), {
      ...contractFields(ofLayer),
      datasetId: baseId({ contract: ofLayer, corpus, slice }),
      norm: 'none',
      corpus,
      corpusSlice: slice,
      positionsPerDoc: options.positionsPerDocument,
      createdBy: 'nlakit dataset-corpus',
      extensions: { [corpusKey]: { fingerprint: extraction.fingerprint, families: extraction.families } },
    });
  }
  return files;
}

async function* rowsOf(
  layer: number,
  extraction: Extraction,
  { model, folder, signal }: Pick<DatasetContext, 'model' | 'folder' | 'signal'>,
): AsyncGenerator<NlaRow> {
  const chunks = createChunkReader(stageFolder(folder, 'extract'));
  try {
    for (let index = 0; index < extraction.chunks; index += 1) {
      signal.throwIfAborted();
      const chunk = await chunks.chunk(index);
      for (const [row, { position }] of chunk.rows.entries()) {
        const { id, documentId, text, token } = itemOfRow(chunk, row, model.tokenizer);
        yield { id, documentId, text, token, rawTokens: position + 1, vector: await chunk.vector(layer, row) };
      }
    }
  } finally {
    await chunks.close();
  }
}

async function isMade(file: string, fingerprint: string): Promise<boolean> {
  if (!existsSync(file)) return false;
  try {
    const { extensions } = await readDatasetSidecar(file);
    return (extensions[corpusKey] as { readonly fingerprint?: string } | undefined)?.fingerprint === fingerprint;
  } catch (error) {
    // A file without a readable sidecar is made again.
    if (isNlaError(error)) return false;
    throw error;
  }
}
