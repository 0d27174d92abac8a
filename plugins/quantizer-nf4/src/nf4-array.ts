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
export const zeroCode = 7;

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
    for (let i = 0; i < part.length; i++) largest = Math.max(largest, Math.abs(round(part[i]! - offset)));
    nested[block] = largest;
    const divisor = Math.max(largest, 1e-38);
    for (let i = 0; i < part.length; i++) {
      const value = round(round(part[i]! - offset) / divisor);
      scaled[i] = value;
      const code = buckets[bits[i]! >>> 16]!;
      codes[block * nestedBlockSize + i] = code + (value > midpoints[code]! ? 1 : 0);
    }
  }
  return { codes, absmax: nested, offset };
}

/** The absmax values that {@link nestAbsmax} stored; two separately rounded f32 operations, as bitsandbytes does it. */
export function rebuildAbsmax({ codes, absmax, offset }: NestedAbsmax): Float32Array {
  const { values } = dynamicMap(true);
  const rebuilt = new Float32Array(codes.length);
  for (let block = 0; block < rebuilt.length; block++) {
    rebuilt[block] = round(values[codes[block]!]! * absmax[block >> 8]!) + offset;
  }
  return rebuilt;
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
