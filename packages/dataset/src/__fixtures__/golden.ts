import { fileURLToPath } from 'node:url';
import type { NlaRow } from '@nlakit/core';
import type { SplitSidecar } from '../index.js';

/** An AV file of ours, byte by byte; pyarrow's reading of it is checked where there is a Python. */
export const goldenFile = fileURLToPath(new URL('./nlakit/av_sft.parquet', import.meta.url));

/** Contract of {@link goldenFile}. */
export const goldenSidecar: SplitSidecar = {
  datasetId: 'golden',
  baseModel: 'tiny',
  dModel: 4,
  layer: 5,
  norm: 'none',
  tokens: { injectionChar: '㈎', injectionTokenId: 9, leftNeighborId: 4, rightNeighborId: 5, criticSuffixIds: null },
  templates: { av: 'What does <concept>{injection_char}</concept> mean?', ar: 'Text: <text>{explanation}</text> <vector>', avChat: true },
  injectionScale: 2,
  mseScale: 2,
  perLayerIds: 'marker',
};

/** Rows of {@link goldenFile}: all columns, none of the optional ones, and numbers that show a wrong byte order or width. */
export const goldenRows: readonly NlaRow[] = [
  {
    id: 'a',
    documentId: 'wik_000001',
    vector: Float32Array.of(1, -0.5, 2 ** -126, 3.5e38 / 2),
    explanation: 'first feature\n\nsecond “feature” 㐀',
    text: 'The text so far',
    token: ' far',
    rawTokens: 4,
    fields: { topic: 'animal' },
    labeler: 'rule',
  },
  { id: 'b', documentId: 'wik_000001', vector: Float32Array.of(0, 0, 0, -1), explanation: '', rawTokens: 5 },
  { id: 'c', documentId: 'fwe_000002', vector: Float32Array.of(2, 4, 8, 16), explanation: 'x', rawTokens: 6, labeler: 'claude-haiku' },
];
