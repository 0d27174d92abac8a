import { fileURLToPath } from 'node:url';
import type { NlaRow } from '@nlakit/core';
import { parseSidecar, writeDatasetSidecar } from '@nlakit/sidecar';
import type { DatasetSidecar } from '@nlakit/sidecar';

/** The two writers whose files are read: upstream's tools, and the trajectory releases that came first. */
export type ForeignDialect = 'kitft' | 'seed';

/** A committed data file of another writer; made by `scripts/python/make_parquet_fixtures.py` with pyarrow. */
export function foreignFile(dialect: ForeignDialect, stage: string): string {
  return fileURLToPath(new URL(`./${dialect}/${stage}.parquet`, import.meta.url));
}

/** The rows that `scripts/python/parquet_files.py` writes, as they must be read. */
export function foreignRow(dialect: ForeignDialect, stage: string, row: number, width: number): NlaRow {
  const family = ['fwe_', 'wik_', 'arx_', 'doc_'][Math.floor(row / 2) % 4] ?? '';
  const document = Math.floor(row / 2);
  const documentId = dialect === 'seed' ? `${family}${String(document).padStart(6, '0')}` : `HuggingFaceFW/fineweb:train:${document}`;
  return {
    id: `${documentId}@${51 + row}`,
    documentId,
    vector: Float32Array.from({ length: width }, (_, column) => (row * width + column) / 16 - 3),
    ...(stage === 'rl' ? {} : { explanation: `feature ${row}; ünïcode 㐀\nsecond line ${row % 3}` }),
    text: `some text ${row}`,
    rawTokens: 51 + row,
    ...(dialect === 'seed' ? { labeler: ['gemini-2.5-pro', 'claude-haiku'][row % 2] ?? '' } : {}),
  };
}

/** The contract of those files as a sidecar; the seed's have none beside them. */
export function foreignSidecar(stage: string, rowCount: number, dModel: number): DatasetSidecar {
  const text = writeDatasetSidecar({
    datasetId: `tiny_${stage}`,
    stage,
    rowCount,
    baseModel: 'tiny',
    dModel,
    layer: 5,
    norm: 'none',
    tokens: { injectionChar: '㈎', injectionTokenId: 9, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: null },
    templates: {
      av: 'What does <concept>{injection_char}</concept> mean?',
      ar: 'Text: <text>{explanation}</text> <vector>',
      avChat: true,
    },
    injectionScale: null,
    mseScale: Math.sqrt(dModel),
    perLayerIds: 'marker',
  });
  const sidecar = parseSidecar(text, 'memory');
  if (sidecar.kind !== 'nla_dataset') throw new Error('not a dataset');
  return sidecar;
}
