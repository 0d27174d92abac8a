import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBf16, decodeF16, encodeBf16, encodeF16, roundToBf16 } from './half-floats.js';

const allBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** Nearest value of a finite, sorted list, ties to the one with the even code: the definition, not the algorithm. */
function nearest(values: Float32Array, codes: Uint16Array, largest: number, overflow: number, infinity: number) {
  const finite = [...codes].filter((code) => code < infinity);
  return (x: number): number => {
    const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
    const magnitude = Math.abs(x);
    if (magnitude >= overflow) return sign | infinity;
    if (magnitude >= largest) return sign | (infinity - 1);
    let low = 0;
    let high = finite.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (values[finite[middle]!]! <= magnitude) low = middle;
      else high = middle;
    }
    const below = magnitude - values[finite[low]!]!;
    const above = values[finite[high]!]! - magnitude;
    return sign | (below < above || (below === above && (low & 1) === 0) ? low : high);
  };
}

describe('bf16', () => {
  const decoded = decodeBf16(allBits);

  it('survives a round trip of every bit pattern that is no NaN', () => {
    const encoded = encodeBf16(decoded);
    expect(allBits.filter((bits) => !Number.isNaN(decoded[bits]!) && encoded[bits] !== bits)).toHaveLength(0);
  });

  it('rounds to nearest even, as the definition says', () => {
    const reference = nearest(decoded, allBits, decoded[0x7f7f]!, 2 ** 127 * (2 - 2 ** -8), 0x7f80);
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        expect(encodeBf16(Float32Array.of(x))[0]).toBe(reference(x));
        expect(roundToBf16(Float32Array.of(x))[0]).toBe(decoded[reference(x)]);
      }),
      { numRuns: 2000 },
    );
  });

  it('knows ties, infinities and NaN', () => {
    expect([...encodeBf16(Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, Infinity, -Infinity, NaN, 3.4e38, 1e-45))]).toEqual([
      0x3f80, 0x3f82, 0x7f80, 0xff80, 0x7fc0, 0x7f80, 0,
    ]);
    expect(roundToBf16(Float32Array.of(NaN))[0]).toBeNaN();
  });
});

describe('f16', () => {
  const decoded = decodeF16(allBits);

  it('survives a round trip of every bit pattern that is no NaN', () => {
    const encoded = encodeF16(decoded);
    expect(allBits.filter((bits) => !Number.isNaN(decoded[bits]!) && encoded[bits] !== bits)).toHaveLength(0);
  });

  it('rounds to nearest even, as the definition says', () => {
    const reference = nearest(decoded, allBits, 65504, 65520, 0x7c00);
    const interesting = fc.oneof(
      fc.float({ noNaN: true }),
      fc.float({ noNaN: true, min: Math.fround(-70000), max: 70000 }),
      fc.float({ noNaN: true, min: Math.fround(-1e-4), max: Math.fround(1e-4) }),
    );
    fc.assert(
      fc.property(interesting, (x) => {
        expect(encodeF16(Float32Array.of(x))[0]).toBe(reference(x));
      }),
      { numRuns: 6000 },
    );
  });

  it('knows ties, subnormals, infinities and NaN', () => {
    const inputs = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 3 * 2 ** -25, -0, NaN, -Infinity];
    expect([...encodeF16(Float32Array.from(inputs))]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 1, 0, 1, 2, 0x8000, 0x7e00, 0xfc00]);
  });
});
