import { decodeBf16, encodeBf16 } from '@nlakit/safetensors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nf4Thresholds, type Nf4Array } from './nf4-array.js';
import { createNf4Packer } from './nf4-packer.js';
import { chunkValues } from './packing-module.js';

const f = Math.fround;

/** The definition, value by value: packed bytes and absmax. */
function reference(values: Float32Array, blockSize: number): { packed: Uint8Array; absmax: Float32Array } {
  const packed = new Uint8Array(32 * Math.ceil(values.length / 64)).fill(0x77);
  const absmax = new Float32Array(Math.ceil(values.length / blockSize));
  for (let block = 0; block < absmax.length; block++) {
    const part = values.subarray(block * blockSize, (block + 1) * blockSize);
    const largest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    absmax[block] = largest;
    const divisor = Math.max(largest, 1e-38);
    part.forEach((value, i) => {
      const z = part.length === blockSize ? f(value * f(1 / divisor)) : f(value / divisor);
      const code = nf4Thresholds.reduce((below, threshold) => below + (z > threshold ? 1 : 0), 0);
      const at = block * blockSize + i;
      const byte = packed[at >> 1] ?? 0;
      packed[at >> 1] = at % 2 === 0 ? (code << 4) | (byte & 15) : (byte & 0xf0) | code;
    });
  }
  return { packed, absmax };
}

function pack(pieces: readonly (Float32Array | Uint16Array)[], blockSize = 64, count = 0): Nf4Array {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const packer = createNf4Packer([1, count || length], { blockSize, doubleQuant: false, storage: 'float32' });
  for (const piece of pieces) packer.add(piece);
  return packer.finish();
}

/** Cuts values into pieces of the given lengths, again and again. */
function cut<Values extends Float32Array | Uint16Array>(values: Values, lengths: readonly number[]): Values[] {
  const pieces: Values[] = [];
  for (let at = 0, turn = 0; at < values.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(values.subarray(at, at + length) as Values);
    at += length;
  }
  return pieces;
}

/** f32 values of every size that exists: from bits. */
const anyFinite = fc
  .integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  .filter((bits) => (bits & 0x7f800000) !== 0x7f800000)
  .map((bits) => new Float32Array(Int32Array.of(bits).buffer)[0] ?? 0);
const values = fc.oneof(
  { weight: 4, arbitrary: fc.float({ noNaN: true, min: -1, max: 1 }) },
  { weight: 2, arbitrary: anyFinite },
  { weight: 2, arbitrary: fc.constantFrom(0, -0, 1, -1, f(1e-45), f(-1e-39), f(1e-38), 2 ** -126, ...nf4Thresholds) },
);

describe('the packing module', () => {
  it('equals the definition for any values, block size and portions', () => {
    fc.assert(
      fc.property(
        fc.array(values, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 1, max: 900 }),
        fc.constantFrom(32, 64, 128, 256),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 4 }),
        (pattern, count, blockSize, lengths) => {
          const input = Float32Array.from({ length: count }, (_, i) => pattern[(i * 7) % pattern.length] ?? 0);
          const { packed, absmax } = reference(input, blockSize);
          const found = pack(cut(input, lengths), blockSize);
          expect(found.packed).toEqual(packed);
          expect(found.absmax).toEqual(absmax);
          const halves = encodeBf16(input.map((value) => (Math.abs(value) > 3e38 ? 0 : value)));
          const rounded = reference(decodeBf16(halves), blockSize);
          const fromHalves = pack(cut(halves, lengths), blockSize);
          expect(fromHalves.packed).toEqual(rounded.packed);
          expect(fromHalves.absmax).toEqual(rounded.absmax);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes the lower code at a threshold and the higher one just above it', () => {
    const input = new Float32Array(64);
    const bits = new Int32Array(input.buffer);
    input[0] = 1;
    nf4Thresholds.forEach((threshold, k) => {
      input.set([threshold, threshold, threshold], 1 + 3 * k);
      // One unit in the last place towards zero and away from it.
      bits[2 + 3 * k] = (bits[2 + 3 * k] ?? 0) - 1;
      bits[3 + 3 * k] = (bits[3 + 3 * k] ?? 0) + 1;
    });
    const { packed } = pack([input]);
    const codes = Array.from(packed, (byte) => [byte >> 4, byte & 15]).flat();
    nf4Thresholds.forEach((threshold, k) => {
      expect(codes.slice(1 + 3 * k, 4 + 3 * k)).toEqual(threshold < 0 ? [k, k + 1, k] : [k, k, k + 1]);
    });
    expect(codes[0]).toBe(15);
    expect(codes.slice(46)).toEqual(Array<number>(18).fill(7));
  });

  it('does not mind where the edges lie between the places that values are sorted into', () => {
    // The edges of `codes16` (an odd number of thirtieths), and a few floats around each; every block begins with its largest value.
    const edges = Array.from({ length: 30 }, (_, k) => f((2 * k - 29) / 30));
    const near = edges.flatMap((edge) => Array.from({ length: 15 }, (_, step) => f(edge * (1 + (step - 7) * 2 ** -23))));
    for (const scale of [1, 2 ** -120, 2 ** 100, f(0.7)]) {
      const blocks = Array.from({ length: Math.ceil(near.length / 63) }, (_, block) => [1, ...near.slice(block * 63, block * 63 + 63)]);
      const input = Float32Array.from(blocks.flat(), (value) => f(value * scale));
      expect(pack([input]).packed).toEqual(reference(input, 64).packed);
    }
  });

  it('gives zero of either sign the code of zero, alone or not', () => {
    expect([...pack([Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 0 : -0))]).packed]).toEqual(Array<number>(32).fill(0x77));
    expect([...pack([Float32Array.of(-0, 0, -0)]).packed.subarray(0, 2)]).toEqual([0x77, 0x77]);
  });

  it('packs more than one chunk, whatever the portions', () => {
    let state = 1;
    const input = Float32Array.from({ length: 3 * chunkValues + 1000 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return f(state / 2 ** 31 - 1);
    });
    const expected = reference(input, 4096);
    for (const lengths of [[input.length], [chunkValues - 1], [50_001, 3]]) {
      const found = pack(cut(input, lengths), 4096);
      expect(Buffer.compare(found.packed, expected.packed)).toBe(0);
      expect(found.absmax).toEqual(expected.absmax);
    }
  });

  it('keeps two weights apart that are packed at the same time', () => {
    const [a, b] = [new Float32Array(200).fill(0.25), Float32Array.from({ length: 200 }, (_, i) => i - 100)];
    const options = { blockSize: 64, doubleQuant: false, storage: 'float32' } as const;
    const [first, second] = [createNf4Packer([2, 100], options), createNf4Packer([2, 100], options)];
    for (let at = 0; at < 200; at += 50) {
      first.add(a.subarray(at, at + 50));
      second.add(b.subarray(at, at + 50));
    }
    expect(first.finish().packed).toEqual(pack([a]).packed);
    expect(second.finish().packed).toEqual(pack([b]).packed);
  });

  it.each([NaN, Infinity, -Infinity])('refuses %s where it stands, in whole and in short blocks', (bad) => {
    for (const at of [0, 63, 64, 129, 199]) {
      for (const bf16 of [false, true]) {
        const input = new Float32Array(200).fill(1);
        input[at] = bad;
        const packer = createNf4Packer([4, 50], { blockSize: 64, doubleQuant: false, storage: 'float32' });
        const run = (): Nf4Array => {
          for (const piece of cut(bf16 ? encodeBf16(input) : input, [70])) packer.add(piece);
          return packer.finish();
        };
        const place = `row ${Math.floor(at / 50)}, column ${at % 50}`;
        expect(run).toThrow(
          expect.objectContaining({
            code: 'E_NF4_NOT_FINITE',
            details: expect.objectContaining({ found: `${bad} at ${place}` }) as unknown,
          }),
        );
      }
    }
  });

  it('refuses too few and too many values', () => {
    expect(() => pack([new Float32Array(10)], 64, 11)).toThrow(expect.objectContaining({ code: 'E_NF4_ROWS' }));
    expect(() => pack([new Float32Array(12)], 64, 11)).toThrow(expect.objectContaining({ code: 'E_NF4_ROWS' }));
  });
});
