import { copyFile, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { NlaError, type Warning } from '@nlakit/core';
import {
  atomicWriteFile,
  decodeF16,
  formatStrictJson,
  JsonNumber,
  openModelFolder,
  parseStrictJson,
  writeSafetensors,
  type SafetensorsFile,
  type StrictJson,
  type TensorEntry,
} from '@nlakit/safetensors';
import { quantizationConfig, toBitsandbytes } from './bitsandbytes.js';
import type { StorageDtype } from './nf4-array.js';
import { createNf4Packer } from './nf4-packer.js';

/** What {@link quantizeCheckpoint} needs. */
export interface QuantizeCheckpointOptions {
  /** Folder of a checkpoint in the Hugging Face layout, one file or shards. */
  readonly source: string;
  /** Folder to fill; it exists and is empty. Not atomic as a whole: `config.json` is written last, so that a part of it is no model. */
  readonly out: string;
  /** Weights to pack, by full tensor name, with their shapes `[out, in]`. Everything else is copied byte for byte. */
  readonly linears: ReadonlyMap<string, readonly [out: number, inn: number]>;
  /** Elements that share one absmax: a power of two from 32 to 4096. */
  readonly blockSize: number;
  /** Store the absmax values in 8 bits, too. */
  readonly doubleQuant: boolean;
  /** What the libraries are told to multiply in. Default: the dtype of the packed weights in the source. */
  readonly computeDtype?: StorageDtype;
  /** Prefixes of modules with linears that stay as they are (`model.vision_tower`); recorded in `config.json`. */
  readonly skippedModules?: readonly string[];
  /** Largest safetensors file in bytes of tensors; a larger checkpoint becomes shards with an index. Default: one file. */
  readonly maxShardBytes?: number;
  /** Called with the bytes of source tensors that are done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Told of what is odd about the source and does no harm. */
  readonly onWarning?: (warning: Warning) => void;
  readonly signal?: AbortSignal;
}

/** What {@link quantizeCheckpoint} did. */
export interface QuantizedCheckpoint {
  /** Linears packed. */
  readonly quantized: number;
  /** Weights (elements) in them. */
  readonly weights: number;
  /** Tensors copied as they were. */
  readonly copied: number;
  /** Bytes of tensors in the source, and of the safetensors files written. */
  readonly sourceBytes: number;
  readonly bytes: number;
  /** Names of all files written, sorted. */
  readonly files: readonly string[];
}

const storageByDtype: Readonly<Record<string, StorageDtype>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' };
/** Weights in any format, and what belongs to them: not to be copied along. */
const weightFile = /\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|onnx|npz)$|\.(safetensors|bin)\.index\.json$/;

/**
 * Packs the linears of a checkpoint in NF4 and writes a folder in the layout that transformers and bitsandbytes write and read: packed
 * weights with their statistics, every other tensor as it was, `config.json` with a `quantization_config`, and the source's other files
 * (tokenizer, chat template) but no other weights.
 *
 * Streams: at any time it holds one packed linear, the absmax values of all (1/64 byte per weight with double quantisation, 1/16
 * without) and a few megabytes of tensor data. The header of a safetensors file must be known before its first tensor, and the
 * statistics stand in the header's text, so the packed bytes go through a temporary file in `out`.
 *
 * Throws `E_NF4_SOURCE` for a checkpoint that is quantised already or whose linears are missing or misshapen, `E_NF4_NOT_FINITE`,
 * `E_INTERRUPTED`, and the errors of `@nlakit/safetensors`.
 */
export async function quantizeCheckpoint(options: QuantizeCheckpointOptions): Promise<QuantizedCheckpoint> {
  const { source, out, linears } = options;
  const config = await readConfig(path.join(source, 'config.json'));
  const file = await openModelFolder(source, options);
  const spoolPath = path.join(out, '.packed.tmp');
  try {
    checkLinears(file, linears, source);
    const progress = progressOf(file, options);
    const spool = await open(spoolPath, 'wx+');
    try {
      const { groups, weights, computeDtype } = await packAll(file, spool, progress, options);
      const written = await writeGroups(groups, file, options);
      const files = [...written.files, ...(await copyCompanions(source, out))];
      const quantization = quantizationConfig({
        doubleQuant: options.doubleQuant,
        computeDtype: options.computeDtype ?? computeDtype,
        ...(options.skippedModules === undefined ? {} : { skippedModules: options.skippedModules }),
      });
      const recorded = new Map(config).set('quantization_config', strictJson(quantization));
      await atomicWriteFile(path.join(out, 'config.json'), `${formatStrictJson(recorded)}\n`);
      return {
        quantized: linears.size,
        weights,
        copied: file.tensors.size - linears.size,
        sourceBytes: progress.total,
        bytes: written.bytes,
        files: [...files, 'config.json'].sort(),
      };
    } finally {
      await spool.close();
      await rm(spoolPath, { force: true });
    }
  } finally {
    await file.close();
  }
}

/** The tensors that stand for one tensor of the source. */
interface TensorGroup {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly bytes: number;
}

interface ProgressAccount {
  readonly total: number;
  /** Throws `E_INTERRUPTED` if the caller wants no more. */
  add(bytes: number): void;
}

function progressOf(file: SafetensorsFile, { onProgress, signal }: QuantizeCheckpointOptions): ProgressAccount {
  let total = 0;
  for (const { begin, end } of file.tensors.values()) total += end - begin;
  let done = 0;
  return {
    total,
    add(bytes) {
      if (signal?.aborted === true) throw new NlaError('E_INTERRUPTED', { message: 'Interrupted: no checkpoint was written.' });
      done += bytes;
      onProgress?.(done, total);
    },
  };
}

/** Packs every linear into the spool and says what each tensor of the source becomes. */
async function packAll(
  file: SafetensorsFile,
  spool: Awaited<ReturnType<typeof open>>,
  progress: ProgressAccount,
  options: QuantizeCheckpointOptions,
): Promise<{ readonly groups: TensorGroup[]; readonly weights: number; readonly computeDtype: StorageDtype }> {
  const { linears, blockSize, doubleQuant } = options;
  const groups: TensorGroup[] = [];
  let weights = 0;
  let spooled = 0;
  let computeDtype: StorageDtype | undefined;
  for (const [name, { dtype, shape, begin, end }] of file.tensors) {
    const linear = linears.get(name);
    if (linear === undefined) {
      const data = (): AsyncIterable<Uint8Array> => counted(file.stream(name), progress);
      groups.push({ entries: new Map([[name, { dtype, shape, data }]]), bytes: end - begin });
      continue;
    }
    const storage = storageByDtype[dtype] ?? 'float32';
    computeDtype ??= storage;
    const packer = createNf4Packer(linear, { blockSize, doubleQuant, storage });
    for await (const piece of counted(file.stream(name), progress)) packer.add(valuesOf(piece, storage));
    const array = packer.finish();
    weights += linear[0] * linear[1];
    const entries = toBitsandbytes(name, array);
    const packed = entries.get(name);
    if (packed === undefined || !(packed.data instanceof Uint8Array)) throw new RangeError(`${name} has no packed bytes`);
    const [position, length] = [spooled, packed.data.byteLength];
    await writeAll(spool, packed.data, position);
    spooled += length;
    entries.set(name, { ...packed, data: () => spoolRange(spool, position, length) });
    groups.push({ entries, bytes: [...entries.values()].reduce((sum, entry) => sum + bytesOf(entry, length), 0) });
  }
  return { groups, weights, computeDtype: computeDtype ?? 'float32' };
}

/** Writes one file, or shards with an index, in the order of the source. */
async function writeGroups(
  groups: readonly TensorGroup[],
  file: SafetensorsFile,
  { out, maxShardBytes = Infinity }: QuantizeCheckpointOptions,
): Promise<{ readonly bytes: number; readonly files: readonly string[] }> {
  const metadata = { format: 'pt', ...file.metadata };
  const shards: Map<string, TensorEntry>[] = [];
  let room = 0;
  let size = 0;
  for (const { entries, bytes } of groups) {
    let shard = shards.at(-1);
    if (shard === undefined || bytes > room) {
      shard = new Map();
      shards.push(shard);
      room = maxShardBytes;
    }
    for (const [name, entry] of entries) shard.set(name, entry);
    room -= bytes;
    size += bytes;
  }
  const single = shards.length === 1;
  const number = (value: number): string => String(value).padStart(5, '0');
  const weightMap: [name: string, shard: string][] = [];
  const files: string[] = [];
  let bytes = 0;
  for (const [index, shard] of shards.entries()) {
    const shardName = single ? 'model.safetensors' : `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    bytes += await writeSafetensors(path.join(out, shardName), shard, metadata);
    files.push(shardName);
    for (const name of shard.keys()) weightMap.push([name, shardName]);
  }
  if (!single) {
    const index = { metadata: { total_size: size }, weight_map: Object.fromEntries(weightMap.sort(([a], [b]) => (a < b ? -1 : 1))) };
    const indexName = 'model.safetensors.index.json';
    await atomicWriteFile(path.join(out, indexName), `${JSON.stringify(index, null, 2)}\n`);
    files.push(indexName);
  }
  return { bytes, files };
}

/** Copies what is neither weights nor config. A cache of the Hub consists of links: they are followed. */
async function copyCompanions(source: string, out: string): Promise<string[]> {
  const copied: string[] = [];
  for (const name of await readdir(source)) {
    if (name.startsWith('.') || name === 'config.json' || weightFile.test(name)) continue;
    if (!(await stat(path.join(source, name))).isFile()) continue;
    await copyFile(path.join(source, name), path.join(out, name));
    copied.push(name);
  }
  return copied;
}

/** The config with its numbers as they stand: transformers takes `30.0` for a softcap and refuses the `30` that JavaScript makes of it. */
async function readConfig(file: string): Promise<ReadonlyMap<string, StrictJson>> {
  let config: StrictJson;
  try {
    config = parseStrictJson(await readFile(file, 'utf8'));
    if (!(config instanceof Map)) throw new Error('it holds no JSON object');
  } catch (cause) {
    throw refuse(
      "The checkpoint's config.json cannot be read.",
      file,
      cause instanceof Error ? cause.message : String(cause),
      'a JSON object',
      cause,
    );
  }
  const fields = config as ReadonlyMap<string, StrictJson>;
  if ((fields.get('quantization_config') ?? null) !== null) {
    throw refuse('The checkpoint is quantised already.', file, 'a quantization_config', 'a checkpoint in F32, BF16 or F16');
  }
  return fields;
}

/** `quantization_config` with its one float, which transformers refuses as a whole number. */
function strictJson(fields: ReturnType<typeof quantizationConfig>): StrictJson {
  return new Map(
    Object.entries(fields).map(([name, value]) => {
      const whole = typeof value === 'number' && Number.isInteger(value);
      return [name, typeof value === 'number' ? new JsonNumber(whole ? `${value}.0` : String(value)) : value];
    }),
  );
}

function checkLinears(file: SafetensorsFile, linears: QuantizeCheckpointOptions['linears'], source: string): void {
  for (const [name, [out, inn]] of linears) {
    const info = file.tensors.get(name);
    const found = info === undefined ? 'no such tensor' : `${info.dtype} [${info.shape.join(', ')}]`;
    if (info === undefined || storageByDtype[info.dtype] === undefined || info.shape.join() !== `${out},${inn}`) {
      throw refuse(`${name} cannot be packed.`, source, found, `F32, BF16 or F16 [${out}, ${inn}]`);
    }
  }
}

/** Stored bytes as the packer takes them. Pieces of a stream have a buffer of their own and end on a whole value. */
function valuesOf({ buffer, byteOffset, byteLength }: Uint8Array, storage: StorageDtype): Float32Array | Uint16Array {
  if (storage === 'float32') return new Float32Array(buffer, byteOffset, byteLength / 4);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return storage === 'bfloat16' ? halves : decodeF16(halves);
}

async function* counted(pieces: AsyncIterable<Uint8Array>, progress: ProgressAccount): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    progress.add(piece.byteLength);
    yield piece;
  }
}

async function* spoolRange(spool: Awaited<ReturnType<typeof open>>, position: number, length: number): AsyncGenerator<Uint8Array> {
  const pieceBytes = 2 ** 22;
  for (let at = 0; at < length;) {
    const piece = new Uint8Array(Math.min(pieceBytes, length - at));
    const { bytesRead } = await spool.read(piece, 0, piece.byteLength, position + at);
    if (bytesRead === 0) throw new RangeError('the temporary file of packed weights was cut off');
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

async function writeAll(spool: Awaited<ReturnType<typeof open>>, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesWritten } = await spool.write(bytes, at, bytes.byteLength - at, position + at);
    at += bytesWritten;
  }
}

function bytesOf({ data }: TensorEntry, otherwise: number): number {
  return typeof data === 'function' ? otherwise : data.byteLength;
}

function refuse(message: string, file: string, found: string, expected: string, cause?: unknown): NlaError {
  return new NlaError('E_NF4_SOURCE', { message, file, found, expected, kind: 'input', ...(cause === undefined ? {} : { cause }) });
}
