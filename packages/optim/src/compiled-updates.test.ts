import { afterEach, describe, expect, it } from 'vitest';
import { createAdamW, createAdamW8bit } from './adamw.js';
import { compiledUpdates } from './compiled-updates.js';
import { dynamicMap } from './dynamic-map.js';
import { plainUpdates } from './plain-updates.js';
import type { Optimizer } from './optimizer.js';
import { updateKernels, useUpdateKernels, type UpdateKernels } from './update-kernels.js';

/** Values of many sizes, zeros and equal ones among them. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  const next = (): number => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length: count }, () => (next() < 0.05 ? 0 : (next() - 0.5) * 10 ** Math.floor(next() * 8 - 6)));
}

const bits = ({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);

/** All that six steps leave behind, as bits: so a zero with a sign is another than one without. */
function train(updates: UpdateKernels, create: () => Optimizer, length: number, steps = 6) {
  useUpdateKernels(updates);
  const optimizer = create();
  // In the middle of a larger array, as adapters may lie, and with neighbours that must stay.
  const around = numbers(length + 2, 1);
  const values = around.subarray(1, length + 1);
  const changes = Array.from({ length: steps }, (_, step) =>
    optimizer.step(new Map([['w', values]]), new Map([['w', numbers(length, step + 2)]]), 1e-3 * (step + 1)),
  );
  const state = [...optimizer.state().tensors].map(([name, { data }]) => [name, bits(data).toString('base64')] as const);
  return { changes, values: bits(around).toString('base64'), state };
}

const compiled = compiledUpdates()!;
describe('compiled updates', () => {
  afterEach(() => useUpdateKernels(undefined));

  it('are what optimizers use, unless a backend brings others', () => {
    expect(updateKernels()).toBe(compiled);
    useUpdateKernels(plainUpdates);
    expect(updateKernels()).toBe(plainUpdates);
  });

  it.each<[string, () => Optimizer, readonly number[]]>([
    ['AdamW', () => createAdamW({ weightDecay: 0.03 }), [0, 1, 2, 3, 4, 5, 7, 8191, 8192, 8193, 40_001]],
    ['AdamW without decay, of other betas', () => createAdamW({ weightDecay: 0, betas: [0, 0.5], epsilon: 1e-3 }), [1001]],
    ['AdamW 8-bit', () => createAdamW8bit(), [100, 4095, 4096, 4097, 8192, 8193, 70_001]],
    ['AdamW 8-bit, every size', () => createAdamW8bit({ smallestQuantized: 0 }), [0, 1, 2, 3, 5, 255, 256, 257, 511, 8447, 8448]],
    ['AdamW 8-bit without a floor, in small blocks', () => createAdamW8bit({ secondMomentFloor: false, blockSize: 64 }), [20_000]],
    [
      'AdamW 8-bit in blocks that are no multiple of a vector',
      () => createAdamW8bit({ blockSize: 7, smallestQuantized: 0 }),
      [8191, 20_003],
    ],
    ['AdamW 8-bit in more blocks than 16 bits count', () => createAdamW8bit({ blockSize: 1 }), [70_001]],
    ['AdamW 8-bit in blocks of a whole part', () => createAdamW8bit({ blockSize: 8192 }), [8191, 8192, 20_000]],
    ['AdamW 8-bit in blocks that are too large for the module', () => createAdamW8bit({ blockSize: 8193 }), [20_000]],
  ])('%s: the bits of JavaScript', (_name, create, lengths) => {
    for (const length of lengths)
      expect(train(compiled, create, length), `${length} elements`).toEqual(train(plainUpdates, create, length));
  });

  it('find the codes beside every midpoint of the books, and on it', () => {
    const neighbours = (values: readonly number[]): number[] => {
      const bits = new Int32Array(Float32Array.from(values).buffer);
      return [-1, 0, 1].flatMap((step) => [...new Float32Array(bits.map((value) => value + step).buffer)]);
    };
    const middle = (signed: boolean): number[] => [...dynamicMap(signed).midpoints.subarray(0, 255)];
    // Without memory, moments are the gradient and its square; beside a 1 they are stored as they are.
    const ofSquares = middle(false).map((value) => Math.sqrt(value));
    const gradient = Float32Array.from([1, ...neighbours(middle(true)), ...neighbours(ofSquares)]);
    const codes = (updates: UpdateKernels) => {
      useUpdateKernels(updates);
      const optimizer = createAdamW8bit({ betas: [0, 0], smallestQuantized: 0, blockSize: gradient.length });
      optimizer.step(new Map([['w', new Float32Array(gradient.length)]]), new Map([['w', gradient]]), 1e-3);
      return optimizer.state().tensors;
    };
    expect(codes(compiled)).toEqual(codes(plainUpdates));
    expect(new Set(codes(compiled).get('w.state1')!.data).size).toBeGreaterThan(250);
    expect(new Set(codes(compiled).get('w.state2')!.data).size).toBeGreaterThan(250);
  });

  it('keep the bits where a parameter or a moment is not finite', () => {
    const spoilt = (updates: UpdateKernels) => {
      useUpdateKernels(updates);
      const optimizer = createAdamW8bit({ smallestQuantized: 0, blockSize: 8 });
      const values = Float32Array.of(1, Infinity, -Infinity, -0, 0, 3e38, 1e-45, 2, 1, 1, 1);
      const gradients = Float32Array.of(3e38, 1, -1, -0, 0, -3e38, 1e-45, 1, 0, 0, -0);
      const changes = [1, 2, 3].map(() => optimizer.step(new Map([['w', values]]), new Map([['w', gradients]]), 1));
      return { changes, values, state: optimizer.state().tensors };
    };
    expect(spoilt(compiled)).toEqual(spoilt(plainUpdates));
  });

  it('are held to signs of zeros and to the order of the sum', () => {
    const create = (): Optimizer => createAdamW({ weightDecay: 0 });
    const negative = (updates: UpdateKernels): string => {
      useUpdateKernels(updates);
      const values = Float32Array.of(-0, 1);
      create().step(new Map([['w', values]]), new Map([['w', new Float32Array(2)]]), 0);
      return bits(values).toString('hex');
    };
    expect(negative(compiled)).toBe(negative(plainUpdates));
    const withoutSign: UpdateKernels = {
      ...compiled,
      f32: (p, ...others) => {
        const sum = compiled.f32(p, ...others);
        p.forEach((value, at) => (p[at] = value + 0));
        return sum;
      },
    };
    expect(negative(withoutSign)).not.toBe(negative(plainUpdates));
    const backwards: UpdateKernels = {
      ...compiled,
      f32: (p, g, m, v, factors) => {
        const half = Math.floor(p.length / 2);
        const late = compiled.f32(p.subarray(half), g.subarray(half), m.subarray(half), v.subarray(half), factors);
        return late + compiled.f32(p.subarray(0, half), g.subarray(0, half), m.subarray(0, half), v.subarray(0, half), factors);
      },
    };
    expect(train(backwards, create, 5000).changes).not.toEqual(train(plainUpdates, create, 5000).changes);
  });
});
