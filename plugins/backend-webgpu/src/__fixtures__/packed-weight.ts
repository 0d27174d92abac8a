import { NF4_VALUES } from '@nlakit/ops';
import * as tf from '@tensorflow/tfjs-core';
import { next, uniform } from './kernel-values.js';

const bits = new DataView(new ArrayBuffer(4));

/** Rounds to bfloat16 by searching the two neighbours. */
function toBfloat16(x: number): number {
  if (!Number.isFinite(x)) return x;
  bits.setFloat32(0, x);
  const low = bits.getUint32(0) & 0xffff0000;
  const valueAt = (pattern: number): number => (bits.setUint32(0, pattern >>> 0), bits.getFloat32(0));
  const [below, above] = [valueAt(low), valueAt(low + 0x10000)];
  const finiteAbove = Number.isFinite(above) ? above : Math.sign(x) * 2 ** 128;
  const [down, up] = [Math.abs(x - below), Math.abs(finiteAbove - x)];
  if (down !== up) return down < up ? below : above;
  return ((low >>> 16) & 1) === 0 ? below : above;
}

/** Rounds to half precision in whole steps of its grid. */
export function toFloat16(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(x))));
  const step = 2 ** (exponent - 10);
  const quotient = x / step;
  let whole = Math.floor(quotient);
  const rest = quotient - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 !== 0)) whole += 1;
  const rounded = whole * step;
  return Math.abs(rounded) >= 65520 ? Math.sign(x) * Infinity : rounded;
}

/** Rounding to a dtype that weights are stored in. */
export const rounding: Record<string, (x: number) => number> = { float32: (x) => x, bfloat16: toBfloat16, float16: toFloat16 };

/** A packed weight and what it stands for, element by element; with the nibbles exchanged on demand. `spread` multiplies the absmax of a block. */
export function packedWeight(out: number, inn: number, blockSize: number, spread: (block: number) => number = () => 1) {
  const count = out * inn;
  const bytes = Uint8Array.from({ length: Math.ceil(count / 64) * 32 }, () => next() & 255);
  const absmax = uniform(Math.ceil(count / blockSize), 2).map((value, block) => Math.abs(value) * spread(block));
  const element = (at: number, storage: string, lowFirst = false): number => {
    const byte = bytes[at >> 1] ?? 0;
    const code = (at % 2 === 0) !== lowFirst ? byte >> 4 : byte & 15;
    return rounding[storage]!(Math.fround((NF4_VALUES[code] ?? NaN) * (absmax[Math.floor(at / blockSize)] ?? NaN)));
  };
  const tensors = () => ({ codes: tf.tensor1d(new Int32Array(bytes.buffer), 'int32'), absmax: tf.tensor1d(absmax) });
  return { element, tensors };
}
