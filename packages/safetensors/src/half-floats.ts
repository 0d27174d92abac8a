/**
 * bfloat16 and IEEE half-precision codecs. Encoding rounds to nearest, ties to even, as torch does; decoding is exact. A NaN is
 * encoded as torch encodes it: bfloat16 0x7fc0, half 0x7e00 with the sign kept.
 */

/** bfloat16 bits to f32 values, exact. */
export function decodeBf16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** f32 values to bfloat16 bits, rounded to nearest even. */
export function encodeBf16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!;
    bits[i] = (word & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** f32 values rounded to the nearest bfloat16 value, in place. */
export function roundToBf16(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    words[i] = (word & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  }
  return values;
}

let halfTable: Float32Array | undefined;

/** Half-precision bits to f32 values, exact. */
export function decodeF16(bits: Uint16Array): Float32Array {
  halfTable ??= buildHalfTable();
  const table = halfTable;
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}

/** f32 values to half-precision bits, rounded to nearest even; too large becomes infinity, small becomes subnormal. */
export function encodeF16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halfBits(words[i]!);
  return bits;
}

function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 is the midpoint between the largest half and the next power of two; it and everything above is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Normal halves: from 2^-14. Rebias the exponent by 112 and drop 13 bits, rounding to even; a carry into the exponent is right.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below half of the smallest subnormal, 2^-25 itself being a tie to even zero.
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const half = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const midpoint = 1 << (shift - 1);
  return sign | (half + (rest > midpoint || (rest === midpoint && (half & 1) === 1) ? 1 : 0));
}

function buildHalfTable(): Float32Array {
  const table = new Float32Array(65536);
  const words = new Uint32Array(table.buffer);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >>> 10) & 31;
    const mantissa = bits & 0x3ff;
    if (exponent === 31) words[bits] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent > 0) words[bits] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else table[bits] = (sign === 0 ? 1 : -1) * mantissa * 2 ** -24;
  }
  return table;
}
