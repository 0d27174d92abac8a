import {
  clipGradients,
  createAdamW,
  createAdamW8bit,
  dynamicMap,
  plainUpdates,
  sumOfSquares,
  useUpdateKernels,
  type Optimizer,
} from '@nlakit/optim';
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

/**
 * 1, and every midpoint with the floats next to it: where a value is as near to one entry as to another. Of the unsigned map their roots, as
 * its values are squares.
 */
const midpointsAndNeighbours = Float32Array.from([
  1,
  ...[true, false].flatMap((signed) =>
    [...dynamicMap(signed).midpoints.subarray(0, 255)].flatMap((midpoint) => {
      const bits = new Int32Array(Float32Array.of(signed ? midpoint : Math.sqrt(midpoint)).buffer);
      return [-1, 0, 1].map((ulp) => new Float32Array(Int32Array.of(bits[0]! + ulp).buffer)[0]!);
    }),
  ),
]);

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
    expect(Buffer.from(made.values.buffer).equals(Buffer.from(expected.values.buffer))).toBe(true);
    expect(made.changes).toEqual(expected.changes);
    expect(compiled.state().tensors).toEqual(plain.state().tensors);
  });

  it('updates many parameters of all sizes in one call, some without decay: the bits of JavaScript', async () => {
    const lengths = [5, 70_001, 0, 3000, 8192, 8193, 1, 5000, 140_000, 2048];
    const step = (optimizer: Optimizer): { readonly values: Buffer; readonly changes: readonly number[] } => {
      const parameters = new Map(lengths.map((length, index) => [`w${index}`, numbers(length, index)]));
      const changes = [1, 2, 3].map((round) => {
        const gradients = new Map(lengths.map((length, index) => [`w${index}`, numbers(length, 100 * round + index)]));
        return optimizer.step(parameters, gradients, 1e-3);
      });
      return { values: Buffer.concat([...parameters.values()].map(({ buffer }) => Buffer.from(buffer))), changes };
    };
    const create = (): Optimizer =>
      createAdamW8bit({ weightDecay: 0.1, smallestQuantized: 4096, decays: (name) => name !== 'w3' && name !== 'w8' });
    const createPlain = (): Optimizer => createAdamW({ weightDecay: 0.1 });
    for (const make of [create, createPlain]) {
      useUpdateKernels(plainUpdates);
      const plain = make();
      const expected = step(plain);
      const { addon } = await loadModules({});
      useUpdateKernels(compiledUpdates(addon!));
      const compiled = make();
      const made = step(compiled);
      expect(made.changes).toEqual(expected.changes);
      expect(made.values.equals(expected.values)).toBe(true);
      for (const [name, { data }] of compiled.state().tensors) {
        expect(Buffer.from(data.buffer).equals(Buffer.from(plain.state().tensors.get(name)!.data.buffer)), name).toBe(true);
      }
    }
  });

  it('stores values on and beside every midpoint of the maps as JavaScript does', async () => {
    const step = (): { readonly values: Float32Array; readonly moments: unknown } => {
      const values = new Float32Array(midpointsAndNeighbours.length);
      // Without decay of the moments they are the gradient and its square, and 1 is the largest of every block.
      const optimizer = createAdamW8bit({ betas: [0, 0], blockSize: midpointsAndNeighbours.length, smallestQuantized: 0 });
      optimizer.step(new Map([['w', values]]), new Map([['w', midpointsAndNeighbours]]), 1);
      return { values, moments: optimizer.state().tensors };
    };
    useUpdateKernels(plainUpdates);
    const expected = step();
    const { addon } = await loadModules({});
    useUpdateKernels(compiledUpdates(addon!));
    expect(step()).toEqual(expected);
  });

  it.each([0, 1, 7, 8, 16384, 16385, 100_003])('measure and clip gradients of %i values to the bit of JavaScript', async (length) => {
    const gradients = (): Map<string, Float32Array> => new Map([3, 4].map((seed) => [`w${seed}`, numbers(length, seed)]));
    const [plain, compiled] = [gradients(), gradients()];
    useUpdateKernels(plainUpdates);
    const norm = clipGradients(plain, 1e-3);
    const { addon } = await loadModules({});
    const kernels = compiledUpdates(addon!);
    useUpdateKernels(kernels);
    expect(clipGradients(compiled, 1e-3)).toBe(norm);
    for (const [name, values] of compiled) expect(Buffer.from(values.buffer).equals(Buffer.from(plain.get(name)!.buffer)), name).toBe(true);
    expect(kernels.sumOfSquares?.(numbers(length, 5))).toBe(sumOfSquares(numbers(length, 5)));
    if (length === 0) return;
    compiled.get('w4')![length - 1] = Infinity;
    expect(() => clipGradients(compiled, 1)).toThrow(expect.objectContaining({ code: 'E_OPTIM_GRADIENT' }));
  });

  it('refuses arrays that do not belong together', async () => {
    const { addon } = await loadModules({});
    const { f32, quantized } = compiledUpdates(addon!);
    const factors = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, keep: 1, stepSize: 1e-3, correction2: 1 };
    const long = new Float32Array(10);
    expect(() => f32(long, new Float32Array(9), long, long, factors)).toThrow(/shorter/);
    expect(() => f32(long, new Float64Array(10) as never, long, long, factors)).toThrow(/element type/);
    const codes = new Uint8Array(10);
    const moments = { state1: codes, state2: codes, absmax1: new Float32Array(2), absmax2: new Float32Array(3) };
    const settings = { blockSize: 4, floor: true, signed: dynamicMap(true), unsigned: dynamicMap(false) };
    expect(() => quantized(long, long, moments, factors, settings)).toThrow(/shorter/);
    expect(() => quantized(long, long, { ...moments, absmax1: moments.absmax2 }, factors, { ...settings, blockSize: 0 })).toThrow(
      /block size/,
    );
  });
});
