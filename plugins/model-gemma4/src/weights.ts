import { NlaError, type BackendCapabilities, type LoraTerm, type ModelFootprint, type PackedWeight, type Quantizer } from '@nlakit/core';
import { linear as plainLinear, loraLinear, tf } from '@nlakit/ops';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';
import { hostTable, residentTable, type EmbeddingTable } from './embedding-table.js';
import { deadTensors, gemma4Inventory } from './inventory.js';
import type { WeightSource } from './weight-source.js';

/** The two spellings of where the text decoder stands in a checkpoint; the longer one first, because it starts with the shorter. */
export const prefixes = ['model.language_model.', 'model.'] as const;

/** Parts of the multimodal checkpoint that a text decoder does not read. */
const otherParts = ['model.vision_tower.', 'model.audio_tower.', 'model.embed_vision.', 'model.embed_audio.'];
const head = 'lm_head.weight';
const floatTypes = new Set(['F32', 'BF16', 'F16']);

/** The decoder's weights, on the backend or off it. Names are those of the checkpoint without prefix. */
export interface Gemma4Weights {
  readonly embedding: EmbeddingTable;
  readonly perLayerEmbedding: EmbeddingTable;
  /** A norm's weight or a layer scalar. */
  vector(name: string): Tensor1D;
  /** `x [rows, in]` times the transposed weight of a linear (`layers.0.mlp.up_proj`), and the adapter's term: `[rows, out]`. */
  linear(x: Tensor2D, module: string, term?: LoraTerm): Tensor2D;
  /** All weights by full checkpoint name, if they are trainable. */
  readonly parameters: ReadonlyMap<string, Tensor> | undefined;
  dispose(): void;
}

/** How weights are kept. */
export interface WeightOptions {
  readonly prefix: string;
  /** Packs the linears. Not asked when `trainable`. */
  readonly quantizer?: Quantizer;
  /** Every weight becomes a f32 variable on the backend. */
  readonly trainable?: boolean;
  /** Largest embedding table kept on the backend, bytes of f32. */
  readonly residentBytes?: { readonly embedding?: number; readonly perLayerEmbedding?: number };
}

/** Finds the decoder's prefix in a checkpoint. Throws `E_MODEL_TENSOR` if there is no decoder. */
export function findPrefix(names: Iterable<string>): string {
  const known = new Set(names);
  const prefix = prefixes.find((candidate) => known.has(`${candidate}embed_tokens.weight`));
  if (prefix !== undefined) return prefix;
  throw new NlaError('E_MODEL_TENSOR', {
    message: 'The checkpoint holds no Gemma 4 text decoder.',
    found: `${known.size} tensors, among them ${[...known].slice(0, 3).join(', ')}`,
    expected: prefixes.map((candidate) => `${candidate}embed_tokens.weight`).join(' or '),
    kind: 'input',
  });
}

/**
 * Reads all weights of the decoder. Norms, scalars and small tables go to the backend as f32, linears through the quantizer, large
 * tables stay where they are and are read by row. Tensors that are missing, unexpected or of the wrong shape are errors
 * (`E_MODEL_TENSOR`); a checkpoint stored in another quantizer's layout is `E_MODEL_STORED_QUANTIZED`.
 */
export async function loadWeights(config: Gemma4Config, source: WeightSource, options: WeightOptions): Promise<Gemma4Weights> {
  const { prefix, quantizer, trainable = false } = options;
  const inventory = gemma4Inventory(config);
  checkNames(config, source, prefix);
  await checkHead(source, prefix);

  const owned: { dispose(): void }[] = [];
  const vectors = new Map<string, Tensor1D>();
  /** By module path. */
  const linears = new Map<string, PackedWeight>();
  const variables = new Map<string, Tensor>();
  const tables = new Map<string, EmbeddingTable>();
  const dispose = (): void => owned.splice(0).forEach((item) => item.dispose());

  /** The stored tensor on the backend: a variable if it is to be trained. */
  const upload = async (name: string, shape: readonly number[]): Promise<Tensor> => {
    requireFloats(source, prefix + name);
    const plain = tf.tensor(await source.read(prefix + name), [...shape], 'float32');
    if (!trainable) return plain;
    const variable = tf.variable(plain);
    plain.dispose();
    variables.set(prefix + name, variable);
    return variable;
  };

  try {
    for (const [name, { role, shape }] of inventory) {
      if (role === 'table') {
        const size = shape as readonly [number, number];
        const stays = trainable || isResident(name, size, options.residentBytes);
        requireFloats(source, prefix + name);
        const table = stays ? residentTable((await upload(name, shape)) as Tensor2D) : hostTable(size, source.rowReader(prefix + name));
        tables.set(name, table);
        owned.push(table);
      } else if (role === 'vector' || trainable) {
        const tensor = await upload(name, shape);
        owned.push(tensor);
        if (role === 'vector') vectors.set(name, tensor as Tensor1D);
      } else {
        const packed = await pack(source, prefix + name, shape as readonly [number, number], quantizer);
        owned.push(packed);
        linears.set(name.replace(/\.weight$/, ''), packed);
      }
    }
  } catch (error) {
    dispose();
    throw error;
  }

  return {
    embedding: present(tables, 'embed_tokens.weight'),
    perLayerEmbedding: present(tables, 'embed_tokens_per_layer.weight'),
    vector: (name) => present(vectors, name),
    linear(x, module, term) {
      const added = (base: Tensor): Tensor2D =>
        (term === undefined ? base : loraLinear(x, base, term.pair, term.scale, term.dropout)) as Tensor2D;
      if (trainable || quantizer === undefined) return added(plainLinear(x, present(variables, `${prefix}${module}.weight`) as Tensor2D));
      const weight = present(linears, module);
      if (term !== undefined && quantizer.adaptedLinear !== undefined) return quantizer.adaptedLinear(x, weight, term);
      return added(quantizer.linear(x, weight));
    },
    parameters: trainable ? variables : undefined,
    dispose,
  };
}

/** Largest tables kept on a backend that can do so much: a quarter of its memory at most, and no more than one tensor may have. */
export function residentLimits({
  deviceBytes,
  maxTensorBytes,
}: Pick<BackendCapabilities, 'deviceBytes' | 'maxTensorBytes'>): NonNullable<WeightOptions['residentBytes']> {
  return deviceBytes === undefined ? {} : { embedding: Math.min(deviceBytes / 4, maxTensorBytes) };
}

/** Whether an embedding table is kept on the backend. */
function isResident(name: string, [rows, width]: readonly [number, number], limits: WeightOptions['residentBytes']): boolean {
  const limit = name === 'embed_tokens.weight' ? (limits?.embedding ?? 2 ** 30) : (limits?.perLayerEmbedding ?? 64 * 2 ** 20);
  return rows * width * 4 <= limit;
}

/** Where the weights that are no linears will lie. */
export function footprintOf(config: Gemma4Config, limits?: WeightOptions['residentBytes']): ModelFootprint {
  let backendBytes = 0;
  let hostBytes = 0;
  for (const [name, { role, shape }] of gemma4Inventory(config)) {
    if (role === 'linear') continue;
    const bytes = 4 * shape.reduce((product, extent) => product * extent, 1);
    if (role === 'table' && !isResident(name, shape as readonly [number, number], limits)) hostBytes += bytes;
    else backendBytes += bytes;
  }
  const donated = config.layers
    .filter(({ index }) => config.layers.some(({ donor }) => donor === index))
    .reduce((sum, { kvHeads, headDim }) => sum + 2 * kvHeads * headDim, 0);
  const perBlock = config.dModel + config.perLayerWidth;
  return { backendBytes, hostBytes, stateWidth: perBlock * config.layers.length + donated, attentionHeads: config.heads };
}

async function pack(
  source: WeightSource,
  name: string,
  shape: readonly [out: number, inn: number],
  quantizer: Quantizer | undefined,
): Promise<PackedWeight> {
  if (quantizer === undefined) {
    throw new NlaError('E_MODEL_QUANTIZER', {
      message: 'Weights that are not trainable need a quantizer.',
      fix: 'Pass `quantizer`, for instance plainQuantizer() of @nlakit/ops, or `trainable: true`.',
    });
  }
  const stored = await quantizer.packStored?.(source.stored, name, shape);
  if (stored !== undefined) return stored;
  requireFloats(source, name);
  return quantizer.pack(source.rows(name), shape);
}

function checkNames(config: Gemma4Config, source: WeightSource, prefix: string): void {
  const inventory = gemma4Inventory(config);
  const dead = deadTensors(config);
  const missing = [...inventory.keys()].filter((name) => source.info(prefix + name) === undefined);
  if (missing.length > 0) throw wrongTensors('lacks tensors', prefix, missing);

  const unexpected: string[] = [];
  for (const full of source.names()) {
    if (full === head || otherParts.some((part) => full.startsWith(part))) continue;
    const name = full.startsWith(prefix) ? full.slice(prefix.length) : undefined;
    // Quantised linears carry companions such as `….weight.absmax`.
    const base = name?.replace(/(?<=\.weight)\..*$/, '');
    const known =
      name !== undefined && base !== undefined && (inventory.has(name) || dead.has(base) || inventory.get(base)?.role === 'linear');
    if (!known) unexpected.push(full);
  }
  if (unexpected.length > 0) throw wrongTensors('holds tensors that the model does not have', '', unexpected);

  for (const [name, { shape }] of inventory) {
    const stored = source.info(prefix + name);
    if (stored !== undefined && floatTypes.has(stored.dtype) && stored.shape.join() !== shape.join()) {
      throw new NlaError('E_MODEL_TENSOR', {
        message: `Tensor ${prefix}${name} does not have the shape that config.json gives it.`,
        found: `[${stored.shape.join(', ')}]`,
        expected: `[${shape.join(', ')}]`,
        fix: 'Take config.json and the weights from the same folder.',
        kind: 'input',
      });
    }
  }
}

/** The output layer is the embedding table; a checkpoint may repeat it but not change it. */
async function checkHead(source: WeightSource, prefix: string): Promise<void> {
  const stored = source.info(head);
  if (stored === undefined) return;
  const name = `${prefix}embed_tokens.weight`;
  const table = source.info(name);
  const [rows = 0] = table?.shape ?? [];
  let same = table !== undefined && table.shape.join() === stored.shape.join();
  const step = 4096;
  for (let start = 0; same && start < rows; start += step) {
    const count = Math.min(step, rows - start);
    const [left, right] = [await source.rows(head).read(start, count), await source.rows(name).read(start, count)];
    same = left.every((value, index) => value === right[index]);
  }
  if (same) return;
  throw new NlaError('E_MODEL_UNSUPPORTED', {
    message: 'The checkpoint has an output layer of its own (lm_head.weight differs from the embedding table).',
    expected: 'no lm_head.weight, or one equal to embed_tokens.weight',
    kind: 'input',
  });
}

function requireFloats(source: WeightSource, name: string): void {
  const dtype = source.info(name)?.dtype ?? 'nothing';
  if (floatTypes.has(dtype)) return;
  throw new NlaError('E_MODEL_STORED_QUANTIZED', {
    message: `Tensor ${name} is not stored as plain numbers.`,
    found: dtype,
    expected: 'F32, BF16 or F16',
    fix: 'Choose the quantizer that the checkpoint was written with, or a checkpoint that is not quantised.',
    kind: 'input',
  });
}

function wrongTensors(what: string, prefix: string, names: readonly string[]): NlaError {
  const shown = names.slice(0, 5).map((name) => prefix + name);
  return new NlaError('E_MODEL_TENSOR', {
    message: `The checkpoint ${what}.`,
    found: shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : ''),
    expected: 'the tensors that config.json calls for',
    fix: 'Take config.json and the weights from the same folder.',
    kind: 'input',
  });
}

function present<Value>(map: ReadonlyMap<string, Value>, name: string): Value {
  const value = map.get(name);
  if (value !== undefined) return value;
  throw new NlaError('E_MODEL_TENSOR', { message: 'The decoder asked for a weight that was not loaded.', found: name });
}
