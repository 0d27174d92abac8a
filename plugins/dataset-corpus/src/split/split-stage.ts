import { createHash } from 'node:crypto';
import type { SeedStreams, SplitName } from '@nlakit/core';
import { withRandomFor } from '@nlakit/dataset';
import type { Extraction } from '../extract/extraction.js';
import { openChunk } from '../extract/chunk-file.js';
import type { CorpusDatasetOptions } from '../options.js';
import { readJson, stageFolder, writeJson } from '../stage-folder.js';
import { splitDocuments, splitOfDocument } from './split-documents.js';

/** Which split every document with rows belongs to. */
export interface CorpusSplit {
  readonly fingerprint: string;
  readonly of: ReadonlyMap<string, SplitName>;
}

interface StoredSplit {
  readonly fingerprint: string;
  readonly documents: Readonly<Record<SplitName, readonly string[]>>;
}

type SplitOptions = Pick<CorpusDatasetOptions, 'fractions' | 'splitBy'>;

/** Divides documents among the splits, as the options say; the order they come in does not matter. Throws `E_DATA_SPLIT`. */
export function divideDocuments(ids: Iterable<string>, options: SplitOptions, seeds: SeedStreams): Map<string, SplitName> {
  const { fractions, splitBy } = options;
  if (splitBy === 'shuffle') return withRandomFor(seeds, 'split', (random) => splitDocuments(ids, { fractions, random }));
  return new Map([...ids].map((id) => [id, splitOfDocument(id, { fractions, seed: seeds.seed })]));
}

/** The split of an extraction's documents, made unless it is there. */
export async function splitStage(
  dataFolder: string,
  extraction: Extraction,
  options: SplitOptions,
  seeds: SeedStreams,
): Promise<CorpusSplit> {
  const folder = stageFolder(dataFolder, 'split');
  const { fractions, splitBy } = options;
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([extraction.fingerprint, fractions, splitBy, seeds.seed]))
    .digest('hex');
  const stored = await readJson<StoredSplit>(folder, 'split.json');
  if (stored?.fingerprint === fingerprint) return { fingerprint, of: fromStored(stored) };
  const ids: string[] = [];
  for (let index = 0; index < extraction.chunks; index += 1) {
    const chunk = await openChunk(stageFolder(dataFolder, 'extract'), index);
    for (const { id } of chunk.documents) ids.push(id);
    await chunk.close();
  }
  const of = divideDocuments(ids, options, seeds);
  const documents: Record<SplitName, string[]> = { avSft: [], arSft: [], heldOut: [] };
  for (const id of ids) documents[of.get(id) ?? 'heldOut'].push(id);
  await writeJson(folder, 'split.json', { fingerprint, documents } satisfies StoredSplit);
  return { fingerprint, of };
}

function fromStored({ documents }: StoredSplit): Map<string, SplitName> {
  const of = new Map<string, SplitName>();
  for (const name of ['avSft', 'arSft', 'heldOut'] as const) for (const id of documents[name]) of.set(id, name);
  return of;
}
