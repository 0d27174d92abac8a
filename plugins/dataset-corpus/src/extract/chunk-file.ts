import { join } from 'node:path';
import { NlaError } from '@nlakit/core';
import { openSafetensors, writeSafetensors, type SafetensorsFile } from '@nlakit/safetensors';
import type { PlannedDocument } from './plan-document.js';

/** A document of a chunk, without its tokens. */
export interface ChunkDocument {
  readonly id: string;
  readonly family: string;
  readonly meta?: Readonly<Record<string, string>>;
}

/** What a chunk says of itself. */
export interface ChunkHead {
  /** Of the extraction that it belongs to. */
  readonly fingerprint: string;
  readonly index: number;
  /** Documents without a position to read. */
  readonly short: number;
  readonly truncated: number;
}

/** A chunk of an extraction, opened. Vectors are read when they are asked for. */
export interface Chunk extends ChunkHead {
  /** Those with at least one row. */
  readonly documents: readonly ChunkDocument[];
  /** For each row its document (an index into `documents`) and its position. */
  readonly rows: readonly { readonly document: number; readonly position: number }[];
  /** Token ids of a document up to its last position. */
  tokens(document: number): Int32Array;
  /** The vector of one row, `[dModel]`. */
  vector(layer: number, row: number): Promise<Float32Array>;
  /** All vectors, `[rows, dModel]`. */
  vectors(layer: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Path of a chunk of an extraction. */
export function chunkFile(folder: string, index: number): string {
  return join(folder, `chunk_${String(index).padStart(8, '0')}.safetensors`);
}

/**
 * Writes a chunk, whole or not at all: token ids, rows, and per layer the raw vectors in the order of the rows.
 *
 * @param vectors of each document with rows, per layer `[positions, dModel]`.
 */
export async function writeChunk(
  folder: string,
  head: ChunkHead,
  documents: readonly PlannedDocument[],
  vectors: readonly ReadonlyMap<number, Float32Array>[],
  { layers, dModel }: { readonly layers: readonly number[]; readonly dModel: number },
): Promise<void> {
  const rows = documents.flatMap(({ positions }, document) => positions.flatMap((position) => [document, position]));
  const ends = documents.reduce<number[]>((sums, { tokens }) => [...sums, (sums.at(-1) ?? 0) + tokens.length], []);
  const tokens = new Int32Array(ends.at(-1) ?? 0);
  documents.forEach((document, index) => {
    tokens.set(document.tokens, (ends[index] ?? 0) - document.tokens.length);
  });
  const count = rows.length / 2;
  await writeSafetensors(
    chunkFile(folder, head.index),
    [
      ['tokens', { shape: [tokens.length], data: tokens }],
      ['ends', { shape: [ends.length], data: Int32Array.from(ends) }],
      ['rows', { shape: [count, 2], data: Int32Array.from(rows) }],
      ...layers.map(
        (layer) =>
          [
            activationName(layer),
            {
              shape: [count, dModel],
              data: join32(
                vectors.map((one) => one.get(layer) ?? new Float32Array()),
                count * dModel,
              ),
            },
          ] as const,
      ),
    ],
    {
      format: 'nlakit-corpus-chunk',
      head: JSON.stringify(head),
      documents: JSON.stringify(documents.map(({ id, family, meta }) => ({ id, family, meta }))),
    },
  );
}

/** Opens a chunk. Throws the errors of `openSafetensors`, and `E_CORPUS_CHUNK` for a file that is none. */
export async function openChunk(folder: string, index: number): Promise<Chunk> {
  const path = chunkFile(folder, index);
  const file = await openSafetensors(path);
  try {
    return { ...(await parseChunk(file, path)), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function parseChunk(file: SafetensorsFile, path: string): Promise<Omit<Chunk, 'close'>> {
  const { format, head, documents } = file.metadata;
  if (format !== 'nlakit-corpus-chunk' || head === undefined || documents === undefined) {
    throw new NlaError('E_CORPUS_CHUNK', {
      message: 'This is no chunk of an extraction.',
      fix: 'Remove the file, and run the same command again.',
      file: path,
      kind: 'input',
    });
  }
  const tokens = await int32(file, 'tokens');
  const ends = await int32(file, 'ends');
  const rows = await int32(file, 'rows');
  return {
    ...(JSON.parse(head) as ChunkHead),
    documents: JSON.parse(documents) as ChunkDocument[],
    rows: Array.from({ length: rows.length / 2 }, (_, row) => ({ document: rows[2 * row] ?? 0, position: rows[2 * row + 1] ?? 0 })),
    tokens: (document) => tokens.subarray(document === 0 ? 0 : ends[document - 1], ends[document]),
    vector: (layer, row) => file.rows(activationName(layer), row, 1),
    vectors: (layer) => file.float32(activationName(layer)),
  };
}

async function int32(file: SafetensorsFile, name: string): Promise<Int32Array> {
  const { data } = await file.bytes(name);
  return new Int32Array(data.slice().buffer);
}

function join32(parts: readonly Float32Array[], length: number): Float32Array {
  const all = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function activationName(layer: number): string {
  return `activations.${layer}`;
}
