import type { Figures, Summary } from '@nlakit/core';
import { baselineSums, norm, summarize } from '@nlakit/metrics';
import { countFamilies } from '../split/index.js';
import { changedError } from '../stage-folder.js';
import { openChunk } from './chunk-file.js';

/** What constant predictions reach, and how long the vectors of one layer are. */
export interface LayerFigures {
  readonly norms: Summary;
  /** Mean cosine of the best constant: what every cosine has to be compared with. */
  readonly rho: number;
  readonly rawvar: number;
  readonly meannorm: number;
}

/** A finished extraction. */
export interface Extraction {
  readonly fingerprint: string;
  readonly chunks: number;
  /** Documents of the corpus. */
  readonly seen: number;
  /** Documents that the filters left out, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Documents that have no position to read. */
  readonly short: number;
  /** Documents that were cut at `maxLength`. */
  readonly truncated: number;
  /** Documents with at least one row. */
  readonly documents: number;
  readonly rows: number;
  /** Documents with rows, by family. */
  readonly families: Readonly<Record<string, number>>;
  /** Norms of the embedding output of random tokens. */
  readonly embeddingNorms: Summary;
  /** By layer. */
  readonly layers: Readonly<Record<string, LayerFigures>>;
}

/** Goes through the chunks of an extraction in order and says what is in them. Throws `E_CORPUS_CHANGED` for a chunk of another one. */
export async function summarizeChunks(
  folder: string,
  { fingerprint, chunks, layers, signal }: { fingerprint: string; chunks: number; layers: readonly number[]; signal: AbortSignal },
): Promise<Pick<Extraction, 'short' | 'truncated' | 'documents' | 'rows' | 'families' | 'layers'>> {
  const sums = new Map(layers.map((layer) => [layer, { norms: [] as number[], baselines: baselineSums() }]));
  const families: string[] = [];
  let [short, truncated, rows] = [0, 0, 0];
  for (let index = 0; index < chunks; index += 1) {
    signal.throwIfAborted();
    const chunk = await openChunk(folder, index);
    try {
      if (chunk.fingerprint !== fingerprint || chunk.index !== index) {
        throw changedError(
          'extracted',
          folder,
          `chunk ${index} has fingerprint ${chunk.fingerprint.slice(0, 12)}, not ${fingerprint.slice(0, 12)}`,
        );
      }
      short += chunk.short;
      truncated += chunk.truncated;
      rows += chunk.rows.length;
      for (const { family } of chunk.documents) families.push(family);
      for (const [layer, { norms, baselines }] of sums) {
        const vectors = await chunk.vectors(layer);
        const width = vectors.length / Math.max(1, chunk.rows.length);
        for (let row = 0; row < chunk.rows.length; row += 1) {
          const vector = vectors.subarray(row * width, (row + 1) * width);
          norms.push(norm(vector));
          baselines.add(vector);
        }
      }
    } finally {
      await chunk.close();
    }
  }
  const found =
    rows === 0 ? [] : [...sums].map(([layer, { norms, baselines }]) => [String(layer), layerFigures(norms, baselines)] as const);
  return { short, truncated, documents: families.length, rows, families: countFamilies(families), layers: Object.fromEntries(found) };
}

function layerFigures(norms: readonly number[], sums: ReturnType<typeof baselineSums>): LayerFigures {
  const { rho, rawvar, meannorm } = sums.baselines();
  return { norms: summarize(norms), rho, rawvar, meannorm };
}

/** The figures of an extraction for people and events, those of one layer. */
export function extractionFigures(extraction: Extraction, layer: number): Figures {
  const of = extraction.layers[String(layer)];
  return {
    documentsSeen: extraction.seen,
    documents: extraction.documents,
    documentsShort: extraction.short,
    documentsTruncated: extraction.truncated,
    documentsFiltered: Object.values(extraction.leftOut).reduce((sum, count) => sum + count, 0),
    rows: extraction.rows,
    embeddingNormMedian: extraction.embeddingNorms.median,
    ...(of === undefined ? {} : { normMedian: of.norms.median, normMean: of.norms.mean, rho: of.rho }),
  };
}
