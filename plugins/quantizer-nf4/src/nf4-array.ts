import { NlaError, type RowSource } from '@nlakit/core';
import { dynamicMap } from '@nlakit/optim';
import { NF4_VALUES } from '@nlakit/ops';
import { encodeF16, decodeF16, roundToBf16 } from '@nlakit/safetensors';

const round = Math.fround;

/** The dtype that dequantised values are rounded to, as bitsandbytes records it: that of the weight before quantisation. */
export type StorageDtype = 'float32' | 'bfloat16' | 'float16';

/** Absmax values that are themselves stored in 8 bits: `absmax[b] = map[codes[b]] · absmax[b >> 8] + offset`. */
export interface NestedAbsmax {
  /** One per block of the weight. */
  readonly codes: Uint8Array;
  /** One per 256 codes. */
  readonly absmax: Float32Array;
  /** An f32 value. */
  readonly offset: number;
}

/** An NF4 weight `[out, in]` in host memory. Blocks run over the flat, row-major weight. */
export interface Nf4Array {
  readonly shape: readonly [out: number, inn: number];
  readonly blockSize: number;
  /**
   * Element 2i in the high nibble of byte i, element 2i + 1 in the low one; `ceil(n / 2)` bytes of content, padded with the code of
   * zero to a multiple of 32 bytes.
   */
  readonly packed: Uint8Array;
  /** Largest magnitude of every block, `[ceil(n / blockSize)]`; with `nested`, as rebuilt from it. */
  readonly absmax: Float32Array;
  readonly nested?: NestedAbsmax;
  readonly storage: StorageDtype;
}

/** Elements that share one second-order absmax; fixed in bitsandbytes. */
export const nestedBlockSize = 256;

/** Midpoints between neighbouring values, rounded to f32: the 15 literals of bitsandbytes' kernel. A tie takes the lower code. */
export const nf4Thresholds: Readonly<Float32Array> = Float32Array.from({ length: 15 }, (_, k) =>
  round((NF4_VALUES[k]! + NF4_VALUES[k + 1]!) / 2),
);

/** Index of the value 0. */
const zeroCode = 7;

/**
 * Codes by `trunc(1024 z + 1024)`: that of the smallest z with this index. Neighbouring thresholds are much further apart than 1/1024,
 * so one comparison completes the search.
 */
const codeTable = Uint8Array.from(
  { length: 2049 },
  (_, index) => nf4Thresholds.filter((threshold) => (index - 1024) / 1024 > threshold).length,
);

/** How a weight is packed. */
export interface PackOptions {
  /** 32 to 4096, a power of two. */
  readonly blockSize: number;
  readonly doubleQuant: boolean;
  readonly storage: StorageDtype;
}

/** Elements read at a time while packing. */
const chunkElements = 1 << 20;

/**
 * Packs a weight that is read a few rows at a time. Bit-equal to bitsandbytes (CPU): absmax by block, `code` = thresholds strictly
 * below `f32(x · f32(1 / absmax))`, division instead of the reciprocal in a last, short block, code 7 in a block of zeros.
 *
 * Throws `E_NF4_NOT_FINITE` with the position of the first NaN or infinity.
 */
export async function packRows(rows: RowSource, shape: readonly [out: number, inn: number], options: PackOptions): Promise<Nf4Array> {
  const [out, inn] = shape;
  const { blockSize, doubleQuant, storage } = options;
  const count = out * inn;
  const packed = new Uint8Array(32 * Math.ceil(count / 64)).fill((zeroCode << 4) | zeroCode);
  const absmax = new Float32Array(Math.ceil(count / blockSize));
  // Chunks of whole blocks, so that no block is cut.
  const unit = blockSize / greatestCommonDivisor(inn, blockSize);
  const rowsAtOnce = Math.max(1, Math.floor(chunkElements / Math.max(1, inn) / unit)) * unit;
  for (let start = 0; start < out; start += rowsAtOnce) {
    const rowCount = Math.min(rowsAtOnce, out - start);
    const values = await rows.read(start, rowCount);
    if (values.length !== rowCount * inn) {
      throw new NlaError('E_NF4_ROWS', {
        message: 'A row source gave the wrong number of values.',
        found: String(values.length),
        expected: `${rowCount * inn} for ${rowCount} rows of ${inn}`,
      });
    }
    quantizeBlocks(values, blockSize, packed.subarray((start * inn) / 2), absmax.subarray((start * inn) / blockSize), start, inn);
  }
  if (!doubleQuant) return { shape, blockSize, packed, absmax, storage };
  const nested = nestAbsmax(absmax);
  return { shape, blockSize, packed, absmax: rebuildAbsmax(nested), nested, storage };
}

function quantizeBlocks(
  values: Float32Array,
  blockSize: number,
  packed: Uint8Array,
  absmax: Float32Array,
  firstRow: number,
  inn: number,
): void {
  const count = values.length;
  const bits = new Int32Array(values.buffer, values.byteOffset, count);
  const largest = new Float32Array(1);
  const largestBits = new Int32Array(largest.buffer);
  const tail = new Uint8Array(blockSize);
  for (let block = 0, low = 0; low < count; block++, low += blockSize) {
    const high = Math.min(count, low + blockSize);
    // Without the sign, f32 values are ordered as their bits are; from 0x7f800000 on they are not finite.
    let most = 0;
    for (let i = low; i < high; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      most = magnitude > most ? magnitude : most;
    }
    if (most >= 0x7f800000) refuseNonFinite(values, low, firstRow, inn);
    largestBits[0] = most;
    absmax[block] = largest[0]!;
    const divisor = Math.max(largest[0]!, 1e-38);
    if (high - low === blockSize) {
      const inverse = round(1 / divisor);
      for (let i = low; i < high; i += 2) {
        packed[i >> 1] = (codeOf(round(values[i]! * inverse)) << 4) | codeOf(round(values[i + 1]! * inverse));
      }
    } else {
      tail.fill(zeroCode);
      for (let i = low; i < high; i++) tail[i - low] = codeOf(round(values[i]! / divisor));
      for (let i = low; i < high; i += 2) packed[i >> 1] = (tail[i - low]! << 4) | tail[i - low + 1]!;
    }
  }
}

function codeOf(scaled: number): number {
  const code = codeTable[(scaled * 1024 + 1024) | 0]!;
  return scaled > nf4Thresholds[code]! ? code + 1 : code;
}

function refuseNonFinite(values: Float32Array, from: number, firstRow: number, inn: number): never {
  const index = values.findIndex((value, i) => i >= from && !Number.isFinite(value));
  throw new NlaError('E_NF4_NOT_FINITE', {
    message: 'A weight that is not finite cannot be quantised.',
    found: `${values[index]} at row ${firstRow + Math.floor(index / inn)}, column ${index % inn}`,
    expected: 'finite numbers',
    fix: 'The checkpoint is damaged: get it again.',
    kind: 'input',
  });
}

/** Stores absmax values in 8 bits (double quantisation): their mean is taken off, the rest goes by 256 through the signed dynamic map. */
export function nestAbsmax(absmax: Float32Array): NestedAbsmax {
  let sum = 0;
  for (const value of absmax) sum += value;
  const offset = round(sum / Math.max(1, absmax.length));
  const codes = new Uint8Array(absmax.length);
  const nested = new Float32Array(Math.ceil(absmax.length / nestedBlockSize));
  const { buckets, midpoints } = dynamicMap(true);
  const scaled = new Float32Array(nestedBlockSize);
  const bits = new Uint32Array(scaled.buffer);
  for (let block = 0; block < nested.length; block++) {
    const part = absmax.subarray(block * nestedBlockSize, (block + 1) * nestedBlockSize);
    let largest = 0;
    for (const value of part) largest = Math.max(largest, Math.abs(round(value - offset)));
    nested[block] = largest;
    const divisor = Math.max(largest, 1e-38);
    part.forEach((value, i) => {
      scaled[i] = round(value - offset) / divisor;
      const code = buckets[bits[i]! >>> 16]!;
      codes[block * nestedBlockSize + i] = code + (scaled[i] > midpoints[code]! ? 1 : 0);
    });
  }
  return { codes, absmax: nested, offset };
}

/** The absmax values that {@link nestAbsmax} stored; two separately rounded f32 operations, as bitsandbytes does it. */
export function rebuildAbsmax({ codes, absmax, offset }: NestedAbsmax): Float32Array {
  const { values } = dynamicMap(true);
  return Float32Array.from(codes, (code, block) => round(values[code]! * absmax[block >> 8]!) + offset);
}

/** The weight as f32 `[out, in]`, row-major: `f32(value · absmax)`, rounded once more to the storage dtype. */
export function unpackArray({ shape, blockSize, packed, absmax, storage }: Nf4Array): Float32Array {
  const values = new Float32Array(shape[0] * shape[1]);
  const scaled = new Float32Array(16);
  for (let block = 0, low = 0; low < values.length; block++, low += blockSize) {
    const scale = absmax[block]!;
    for (let code = 0; code < 16; code++) scaled[code] = NF4_VALUES[code]! * scale;
    if (storage !== 'float32') scaled.set(roundTo(storage, scaled));
    const high = Math.min(values.length, low + blockSize);
    for (let i = low; i < high; i += 2) {
      const byte = packed[i >> 1]!;
      values[i] = scaled[byte >> 4]!;
      if (i + 1 < high) values[i + 1] = scaled[byte & 15]!;
    }
  }
  return values;
}

/** `values` rounded to a storage dtype, as f32. May work in place. */
export function roundTo(storage: StorageDtype, values: Float32Array): Float32Array {
  if (storage === 'float32') return values;
  return storage === 'bfloat16' ? roundToBf16(values) : decodeF16(encodeF16(values));
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return Math.max(1, a);
}
