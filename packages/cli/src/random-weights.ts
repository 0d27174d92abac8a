import { createHash } from 'node:crypto';
import type { JsonValue } from '@nlakit/core';
import { gemma4Inventory, parseGemma4Config, type Gemma4Config, type InventoryEntry, type WeightSource } from '@nlakit/model-gemma4';
import { createSeedStreams } from '@nlakit/run';
import { decodeBf16, encodeBf16 } from '@nlakit/safetensors';

/** Random weights of one geometry, any row of which can be made on its own. */
export interface RandomWeights {
  readonly architecture: Gemma4Config;
  /** In front of the names below, in a checkpoint. */
  readonly prefix: string;
  /** Every tensor of the decoder by name without prefix. */
  readonly tensors: ReadonlyMap<string, InventoryEntry>;
  /** Values of rows `[start, start + count)` as bfloat16; a vector is one row. Throws `RangeError` for an unknown name. */
  rows(name: string, start: number, count: number): Uint16Array;
  /** The same weights as the loader reads them, without a file. */
  readonly source: WeightSource;
}

/** Five billion weights cannot each be drawn from a normal distribution: they are picked from that many samples. */
const tableSize = 1 << 16;

/**
 * Random weights of the geometry in a `config.json`, every value a bfloat16. Linears and tables are normal with the variance that keeps
 * activations of order one, norms lie around 1 and those of queries and keys around headDim^(-1/4), because they carry the scale of the
 * scores; layer scalars lie between 0.2 and 0.8: a decoder that forgets one of them does not pass unnoticed. The same config and seed give
 * the same bits on every machine: picks come from sfc32, seeded with the sha256 of seed and name and with the row.
 *
 * Throws `E_MODEL_CONFIG` and `E_MODEL_UNSUPPORTED`.
 */
export function randomWeights(config: Readonly<Record<string, JsonValue>>, seed: number, file?: string): RandomWeights {
  const architecture = parseGemma4Config(config, file);
  const tensors = gemma4Inventory(architecture);
  // A multimodal config keeps the decoder one level further down, in the file as in the config.
  const prefix = typeof config['text_config'] === 'object' ? 'model.language_model.' : 'model.';
  const random = createSeedStreams(seed).stream('fake-checkpoint');
  const samples = {
    normal: Float32Array.from({ length: tableSize }, () => random.normal()),
    uniform: Float32Array.from({ length: tableSize }, () => 2 * random.uniform() - 1),
  };
  const tables = new Map<string, Uint16Array>();

  const tensor = (name: string): InventoryEntry => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new RangeError(`no tensor ${name}`);
    return entry;
  };
  const tableOf = (name: string): Uint16Array => {
    const { kind, scale, offset } = distribution(architecture, name, tensor(name));
    const key = `${kind} ${scale} ${offset}`;
    let table = tables.get(key);
    if (table === undefined) tables.set(key, (table = encodeBf16(samples[kind].map((value) => value * scale + offset))));
    return table;
  };
  const rows = (name: string, start: number, count: number): Uint16Array => {
    const width = widthOf(tensor(name));
    const values = new Uint16Array(count * width);
    const digest = createHash('sha256').update(`${seed}|${name}`).digest();
    const table = tableOf(name);
    for (let row = 0; row < count; row++) pick(table, digest, start + row, values.subarray(row * width, (row + 1) * width));
    return values;
  };
  const bare = (name: string): string => (name.startsWith(prefix) ? name.slice(prefix.length) : '');
  const floats = (name: string, start: number, count: number): Float32Array => decodeBf16(rows(bare(name), start, count));

  const source: WeightSource = {
    names: () => [...tensors.keys()].map((name) => prefix + name),
    info(name) {
      const entry = tensors.get(bare(name));
      return entry && { shape: entry.shape, dtype: 'BF16' };
    },
    read: (name) => Promise.resolve(floats(name, 0, rowsOf(tensor(bare(name))))),
    rows: (name) => ({ dtype: 'BF16', read: (start, count) => Promise.resolve(floats(name, start, count)) }),
    rowReader: (name) => ({
      read: (start, count, target, offset) => target.set(floats(name, start, count), offset),
      close: () => undefined,
    }),
    stored: {
      has: (name) => tensors.has(bare(name)),
      names: () => source.names(),
      bytes(name) {
        const entry = tensor(bare(name));
        const data = new Uint8Array(rows(bare(name), 0, rowsOf(entry)).buffer);
        return Promise.resolve({ dtype: 'BF16', shape: entry.shape, data });
      },
    },
  };
  return { architecture, prefix, tensors, rows, source };
}

/** Rows of a tensor; a vector is one. */
export function rowsOf({ shape }: InventoryEntry): number {
  return shape.length < 2 ? 1 : (shape[0] ?? 1);
}

function widthOf({ shape }: InventoryEntry): number {
  return shape.at(-1) ?? 1;
}

function distribution(
  architecture: Gemma4Config,
  name: string,
  { role, shape }: InventoryEntry,
): { readonly kind: 'normal' | 'uniform'; readonly scale: number; readonly offset: number } {
  if (name.endsWith('layer_scalar')) return { kind: 'uniform', scale: 0.3, offset: 0.5 };
  if (role === 'vector') {
    const typical = /\.[qk]_norm\.weight$/.test(name) ? (shape[0] ?? 1) ** -0.25 : 1;
    return { kind: 'normal', scale: 0.1 * typical, offset: typical };
  }
  const width = name === 'embed_tokens_per_layer.weight' ? architecture.perLayerWidth : (shape[1] ?? 1);
  return { kind: 'normal', scale: 1 / Math.sqrt(width), offset: 0 };
}

/** Fills `target` with picks from a table of {@link tableSize} entries, two a round. */
function pick(table: Uint16Array, seed: Buffer, row: number, target: Uint16Array): void {
  let [a, b, c, counter] = [seed.readInt32LE(0) ^ scramble(row), seed.readInt32LE(4) ^ scramble(~row), seed.readInt32LE(8), 1];
  // The first rounds only mix the seed.
  for (let index = -16; index < target.length; index += 2) {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    if (index < 0) continue;
    target[index] = table[sum & 0xffff] ?? 0;
    if (index + 1 < target.length) target[index + 1] = table[sum >>> 16] ?? 0;
  }
}

/** The finalizer of MurmurHash3. */
function scramble(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
