import { NlaError, type RowSource } from '@nlakit/core';
import { nestAbsmax, rebuildAbsmax, zeroCode, type Nf4Array, type StorageDtype } from './nf4-array.js';
import { chunkValues, packingModuleInstance, type PackingModule } from './packing-module.js';

/** How a weight is packed. */
export interface PackOptions {
  /** 32 to 4096, a power of two. */
  readonly blockSize: number;
  readonly doubleQuant: boolean;
  readonly storage: StorageDtype;
}

/** Takes a weight piece by piece, in any portions, and packs it as it comes. */
export interface Nf4Packer {
  /**
   * The next values, row-major: f32, or the bits of bfloat16 values. One packer takes one of the two. Throws `E_NF4_NOT_FINITE` with the
   * position of the first NaN or infinity, and `E_NF4_ROWS` if there are more values than the shape has.
   */
  add(values: Float32Array | Uint16Array): void;
  /** The packed weight. Throws `E_NF4_ROWS` if values are missing, and `E_NF4_NOT_FINITE`. */
  finish(): Nf4Array;
}

/**
 * Packs a weight `[out, in]` in NF4, bit-equal to bitsandbytes (CPU): absmax by block, `code` = thresholds strictly below
 * `f32(x · f32(1 / absmax))`, division instead of the reciprocal in a last, short block, code 7 in a block of zeros.
 */
export function createNf4Packer(shape: readonly [out: number, inn: number], { blockSize, doubleQuant, storage }: PackOptions): Nf4Packer {
  const [out, inn] = shape;
  const count = out * inn;
  const packed = new Uint8Array(32 * Math.ceil(count / 64)).fill((zeroCode << 4) | zeroCode);
  const absmax = new Float32Array(Math.ceil(count / blockSize));
  const module = packingModuleInstance();
  /** The beginning of a block whose end has not come yet. */
  let carry: Float32Array | Uint16Array = new Float32Array(0);
  let done = 0;
  let received = 0;

  const packChunk = (length: number): void => {
    const bad = module.pack(length, blockSize);
    if (bad >= 0) throw notFinite(module, bad * blockSize, done, inn);
    packed.set(module.packed.subarray(0, Math.ceil(length / 2)), done / 2);
    absmax.set(module.absmax.subarray(0, Math.ceil(length / blockSize)), done / blockSize);
    done += length;
  };

  return {
    add(values) {
      received += values.length;
      if (received > count) throw wrongNumber(received, shape);
      const halves = values instanceof Uint16Array;
      const target = halves ? module.halves : module.values;
      for (let at = 0; at < values.length;) {
        target.set(carry);
        const filled = Math.min(chunkValues, carry.length + values.length - at);
        target.set(values.subarray(at, at + filled - carry.length), carry.length);
        at += filled - carry.length;
        const whole = filled - (filled % blockSize);
        carry = target.slice(whole, filled);
        if (halves) module.widen(whole);
        packChunk(whole);
      }
    },
    finish() {
      if (received < count) throw wrongNumber(received, shape);
      if (carry.length > 0) {
        (carry instanceof Uint16Array ? module.halves : module.values).set(carry);
        if (carry instanceof Uint16Array) module.widen(carry.length);
        packChunk(carry.length);
        carry = carry.subarray(0, 0);
      }
      const common = { shape, blockSize, packed, storage };
      if (!doubleQuant) return { ...common, absmax };
      const nested = nestAbsmax(absmax);
      return { ...common, absmax: rebuildAbsmax(nested), nested };
    },
  };
}

/** Values read at a time by {@link packRows}. */
const readValues = 1 << 20;

/** Packs a weight that is read a few rows at a time. Throws `E_NF4_NOT_FINITE` and `E_NF4_ROWS`. */
export async function packRows(rows: RowSource, shape: readonly [out: number, inn: number], options: PackOptions): Promise<Nf4Array> {
  const [out, inn] = shape;
  const packer = createNf4Packer(shape, options);
  const rowsAtOnce = Math.max(1, Math.floor(readValues / Math.max(1, inn)));
  for (let start = 0; start < out; start += rowsAtOnce) packer.add(await rows.read(start, Math.min(rowsAtOnce, out - start)));
  return packer.finish();
}

function notFinite({ values }: PackingModule, from: number, before: number, inn: number): NlaError {
  const at = values.findIndex((value, i) => i >= from && !Number.isFinite(value));
  const index = before + at;
  return new NlaError('E_NF4_NOT_FINITE', {
    message: 'A weight that is not finite cannot be quantised.',
    found: `${values[at]} at row ${Math.floor(index / inn)}, column ${index % inn}`,
    expected: 'finite numbers',
    fix: 'The checkpoint is damaged: get it again.',
    kind: 'input',
  });
}

function wrongNumber(received: number, [out, inn]: readonly [number, number]): NlaError {
  return new NlaError('E_NF4_ROWS', {
    message: 'A row source gave the wrong number of values.',
    found: String(received),
    expected: `${out * inn} for ${out} rows of ${inn}`,
  });
}
