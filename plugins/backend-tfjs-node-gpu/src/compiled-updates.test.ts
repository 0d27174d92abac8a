import { createAdamW, createAdamW8bit, plainUpdates, useUpdateKernels, type Optimizer } from '@nlakit/optim';
import { afterEach, describe, expect, it } from 'vitest';
import { notInstalled } from './__fixtures__/not-installed.js';
import { compiledUpdates } from './compiled-updates.js';
import { loadModules } from './load-modules.js';

const reason = await notInstalled();

/** Values of many sizes, zeros and equal ones among them. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  const next = (): number => (state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  return Float32Array.from({ length: count }, () => (next() < 0.05 ? 0 : (next() - 0.5) * 10 ** Math.floor(next() * 8 - 6)));
}

function train(optimizer: Optimizer, length: number): { readonly values: Float32Array; readonly changes: readonly number[] } {
  const values = numbers(length, 1);
  const changes = Array.from({ length: 6 }, (_, step) =>
    optimizer.step(new Map([['w', values]]), new Map([['w', numbers(length, step + 2)]]), 1e-3 * (step + 1)),
  );
  return { values, changes };
}

describe.skipIf(reason !== undefined)(`compiled updates${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  afterEach(() => useUpdateKernels(undefined));

  it.each([
    ['AdamW', () => createAdamW({ weightDecay: 0.03 }), 40_001],
    ['AdamW 8-bit', () => createAdamW8bit(), 70_001],
    ['AdamW 8-bit without a floor, in small blocks', () => createAdamW8bit({ secondMomentFloor: false, blockSize: 64 }), 20_000],
    ['AdamW 8-bit on a parameter that is too small for it', () => createAdamW8bit(), 100],
    ['AdamW on nothing', () => createAdamW(), 0],
    ['AdamW on one element', () => createAdamW(), 1],
    ['AdamW 8-bit on nothing', () => createAdamW8bit({ smallestQuantized: 0 }), 0],
    ['AdamW 8-bit on one element', () => createAdamW8bit({ smallestQuantized: 0 }), 1],
    ['AdamW 8-bit in more blocks than 16 bits count', () => createAdamW8bit({ blockSize: 1 }), 70_001],
  ])('%s: the bits of JavaScript', async (_name, create, length) => {
    useUpdateKernels(plainUpdates);
    const plain = create();
    const expected = train(plain, length);
    const { addon } = await loadModules({});
    useUpdateKernels(compiledUpdates(addon!));
    const compiled = create();
    const made = train(compiled, length);
    expect(made.values).toEqual(expected.values);
    expect(made.changes).toEqual(expected.changes);
    expect(compiled.state().tensors).toEqual(plain.state().tensors);
  });

  it('refuses arrays that do not belong together', async () => {
    const { addon } = await loadModules({});
    const { f32 } = compiledUpdates(addon!);
    const factors = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, keep: 1, stepSize: 1e-3, correction2: 1 };
    const long = new Float32Array(10);
    expect(() => f32(long, new Float32Array(9), long, long, factors)).toThrow(/shorter/);
    expect(() => f32(long, new Float64Array(10) as never, long, long, factors)).toThrow(/element type/);
  });
});
