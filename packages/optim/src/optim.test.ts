import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAdamW, createAdamW8bit } from './adamw.js';
import { clipGradients, gradientNorm } from './clip-gradients.js';
import { dynamicMap, nearestCode } from './dynamic-map.js';
import type { Optimizer } from './optimizer.js';
import { createSchedule } from './schedule.js';
import { sumOfSquares } from './sum-of-squares.js';

const fixture = (name: string): unknown => JSON.parse(readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url), 'utf8'));
const sha256 = (bytes: Uint8Array | Float32Array): string =>
  createHash('sha256')
    .update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    .digest('hex');

interface Encoded {
  readonly data: string;
}
const floats = ({ data }: Encoded): Float32Array => {
  const bytes = Buffer.from(data, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};
const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
const run = (
  optimizer: Optimizer,
  start: Float32Array,
  gradients: readonly Float32Array[],
  rate = 1e-3,
  each?: () => void,
): Float32Array => {
  const parameter = start.slice();
  for (const gradient of gradients) {
    optimizer.step(new Map([['p', parameter]]), new Map([['p', gradient]]), rate);
    each?.();
  }
  return parameter;
};
/** A linear congruential generator in [-1, 1). */
const uniform =
  (state: number): (() => number) =>
  () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32) * 2 - 1);
  };

describe('dynamic map', () => {
  it('is that of bitsandbytes, bit for bit', () => {
    const golden = fixture('dyn.json') as Record<'signed' | 'unsigned', string[]>;
    for (const kind of ['signed', 'unsigned'] as const) {
      const { values } = dynamicMap(kind === 'signed');
      const hex = [...new Uint32Array(values.buffer)].map((bits) => bits.toString(16).padStart(8, '0'));
      expect(hex).toEqual(golden[kind]);
    }
    expect(sha256(dynamicMap(true).values)).toBe('e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c');
    expect(sha256(dynamicMap(false).values)).toBe('305f002cc11278fb769d13b25b9fd0c7c83c8402c40a878fe086f4039fde6398');
  });

  it.each([true, false])('finds the nearest code (signed: %s)', (signed) => {
    const book = dynamicMap(signed);
    const slow = (x: number): number => book.midpoints.reduce((code, midpoint) => code + (x > midpoint ? 1 : 0), 0);
    const near = fc.integer({ min: 0, max: 254 }).chain((k) =>
      fc.constantFrom(-1, 0, 1).map((ulp) => {
        const bits = new Int32Array(Float32Array.of(book.midpoints[k]!).buffer);
        bits[0] = bits[0]! + ulp;
        return new Float32Array(bits.buffer)[0]!;
      }),
    );
    fc.assert(
      fc.property(fc.oneof(near, fc.float({ noNaN: true }), fc.float({ min: -1, max: 1, noNaN: true })), (x) => {
        expect(nearestCode(book, x)).toBe(slow(x));
      }),
      { numRuns: 3000 },
    );
    for (const [code, value] of book.values.entries()) expect(nearestCode(book, value)).toBe(code);
  });
});

describe('AdamW', () => {
  const draw = uniform(7);
  const start = Float32Array.from({ length: 200 }, draw);
  const gradients = Array.from({ length: 5 }, () => Float32Array.from({ length: 200 }, () => 0.1 * draw() ** 3));

  /** AdamW in f64, written from the paper's equations with torch's order. */
  function reference(rate: number, decay: number, decayFirst = true): number[] {
    return [...start].map((value, i) => {
      let [p, m, v] = [value, 0, 0];
      gradients.forEach((gradient, t) => {
        const g = gradient[i]!;
        if (decayFirst) p -= rate * decay * p;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= (rate * (m / (1 - 0.9 ** (t + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8);
        if (!decayFirst) p -= rate * decay * p;
      });
      return p;
    });
  }

  it('equals an f64 reference; the wrong order of decay does not', () => {
    const after = run(createAdamW(), start, gradients, 1e-2);
    const worst = (expected: number[]): number => Math.max(...expected.map((value, i) => Math.abs(value - after[i]!)));
    expect(worst(reference(1e-2, 0.01))).toBeLessThan(4e-7);
    expect(worst(reference(1e-2, 0.01, false))).toBeGreaterThan(2e-6);
    expect(worst(reference(1e-2, 0))).toBeGreaterThan(1e-5);
  });

  it('equals torch.optim.AdamW on the f32 case and near it on the others', () => {
    for (const one of golden.cases) {
      const after = run(createAdamW(), floats(one.param0), one.grads.map(floats));
      expect(largestDifference(after, floats(one.torch_f32_AdamW_param_after))).toBeLessThan(2e-7);
    }
  });

  it('equals bitsandbytes for a tensor below the 8-bit limit', () => {
    const n = 4095;
    const bnb = (
      fixture('golden_adamw8bit_cpu.json') as Record<string, { p_head: string[]; state1_head: number[]; state2_head: number[] }>
    )[n]!;
    const values = (state: number, scale: number): Float32Array =>
      Float32Array.from({ length: n }, uniform(state)).map((value) => scale * value);
    const optimizer = createAdamW8bit();
    const after = run(
      optimizer,
      values(1, 1),
      [0, 1, 2].map((t) => values(100 + t, 0.1)),
    );
    bnb.p_head.forEach((hex, i) => expect(Math.abs(after[i]! - Buffer.from(hex, 'hex').readFloatBE())).toBeLessThan(1.5e-7));
    const { tensors } = optimizer.state();
    bnb.state1_head.forEach((value, i) => expect(tensors.get('p.state1')!.data[i]).toBeCloseTo(value, 8));
    bnb.state2_head.forEach((value, i) => expect(tensors.get('p.state2')!.data[i]).toBeCloseTo(value, 10));
    expect([...tensors.keys()]).toEqual(['p.state1', 'p.state2']);
  });

  it('decays only what the predicate names', () => {
    const zero = new Float32Array(2);
    const params = new Map([
      ['a', Float32Array.of(1, 1)],
      ['b', Float32Array.of(1, 1)],
    ]);
    createAdamW({ weightDecay: 0.5, decays: (name) => name === 'a' }).step(
      params,
      new Map([
        ['a', zero],
        ['b', zero],
      ]),
      0.1,
    );
    expect(params.get('a')![0]).toBeCloseTo(0.95, 6);
    expect(params.get('b')![0]).toBe(1);
  });
});

interface GoldenVariant {
  readonly param_after: Encoded;
  readonly max_move: number;
  readonly sha256_of_codes_each_step: readonly (readonly string[])[];
  readonly state_after_last_step: Record<'absmax1' | 'absmax2' | 'code1' | 'code2', Encoded>;
}
interface GoldenCase {
  readonly n: number;
  readonly state: string;
  readonly param0: Encoded;
  readonly grads: readonly Encoded[];
  readonly torch_f32_AdamW_param_after: Encoded;
  readonly nearest: GoldenVariant;
  readonly nearest_v_floor: GoldenVariant;
}
const golden = fixture('adamw8bit-ref.json') as { readonly cases: readonly GoldenCase[] };

describe('AdamW 8-bit', () => {
  const cases = golden.cases
    .filter((one) => one.state === '8bit')
    .flatMap((one) => [
      { n: one.n, floor: true, one, expected: one.nearest_v_floor },
      { n: one.n, floor: false, one, expected: one.nearest },
    ]);

  it.each(cases)('gives the reference codes at every step (n $n, floor $floor)', ({ floor, one, expected }) => {
    const optimizer = createAdamW8bit({ secondMomentFloor: floor });
    const hashes: string[][] = [];
    const after = run(optimizer, floats(one.param0), one.grads.map(floats), 1e-3, () => {
      const { tensors } = optimizer.state();
      hashes.push([sha256(tensors.get('p.state1')!.data), sha256(tensors.get('p.state2')!.data)]);
    });
    expect(hashes).toEqual(expected.sha256_of_codes_each_step);
    for (const part of ['absmax1', 'absmax2'] as const) {
      const wanted = floats(expected.state_after_last_step[part]);
      const got = optimizer.state().tensors.get(`p.${part}`)!.data;
      wanted.forEach((value, i) => expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(3e-7 * value));
    }
    expect(largestDifference(after, floats(expected.param_after))).toBeLessThan(5e-7);
  });

  it('needs the floor: without it some parameter runs away', () => {
    const one = golden.cases[1]!;
    const start = floats(one.param0);
    const move = (floor: boolean): number =>
      largestDifference(run(createAdamW8bit({ secondMomentFloor: floor }), start, one.grads.map(floats)), start);
    expect(move(true)).toBeLessThan(0.0035);
    expect(move(false)).toBeGreaterThan(1);
  });

  it('keeps elements without gradient where they are', () => {
    const gradient = new Float32Array(4096);
    gradient[3] = 1;
    const start = new Float32Array(4096).fill(0.5);
    const after = run(createAdamW8bit({ weightDecay: 0 }), start, [gradient, gradient, gradient]);
    expect(after.filter((value) => value !== 0.5)).toHaveLength(1);
  });
});

describe('no element, one, and more than 16 bits count', () => {
  const [rate, decay, steps] = [1e-2, 0.01, 4];
  // Positive, so that a moment alone in its block is stored exactly: as the largest of its block.
  const gradientAt = (i: number, step: number): number => Math.fround(0.01 + ((i * 7 + step * 3) % 23) / 100);
  const startAt = (i: number): number => Math.fround(((i * 5) % 17) / 8 - 1);
  /** AdamW of one element in f64; its index as far as `index` lets it through. */
  const expected = (i: number, index = (at: number): number => at): number => {
    let [p, m, v] = [startAt(i), 0, 0];
    for (let step = 1; step <= steps; step++) {
      const g = gradientAt(index(i), step);
      p -= rate * decay * p;
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      p -= (rate * (m / (1 - 0.9 ** step))) / (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8);
    }
    return p;
  };

  it.each([
    ['AdamW', () => createAdamW()],
    ['AdamW 8-bit, a block an element', () => createAdamW8bit({ smallestQuantized: 0, blockSize: 1 })],
  ])('%s is that of f64', (_name, make) => {
    for (const length of [0, 1, 70_001]) {
      const gradients = Array.from({ length: steps }, (_, step) => Float32Array.from({ length }, (_none, i) => gradientAt(i, step + 1)));
      const after = run(
        make(),
        Float32Array.from({ length }, (_none, i) => startAt(i)),
        gradients,
        rate,
      );
      expect(after).toHaveLength(length);
      const worst = (index?: (at: number) => number): number =>
        after.reduce((most, value, i) => Math.max(most, Math.abs(value - expected(i, index))), 0);
      expect(worst()).toBeLessThan(4e-7);
      // The gradient of the next element, and that of an index without its seventeenth bit.
      if (length > 0) expect(worst((at) => at + 1)).toBeGreaterThan(1e-4);
      if (length > 0xffff) expect(worst((at) => at & 0xffff)).toBeGreaterThan(1e-4);
    }
  });
});

describe.each([
  ['AdamW', () => createAdamW()],
  ['AdamW 8-bit', () => createAdamW8bit()],
])('%s', (_name, make) => {
  const draw = uniform(3);
  const names = ['a.weight', 'b.weight'];
  const lengths = [5000, 100];
  const fresh = (): Map<string, Float32Array> => new Map(names.map((name, i) => [name, Float32Array.from({ length: lengths[i]! }, draw)]));
  const start = fresh();
  const gradients = Array.from({ length: 6 }, fresh);
  const copy = (): Map<string, Float32Array> => new Map([...start].map(([name, values]) => [name, values.slice()]));

  it('tells how far it moved the parameters', () => {
    const params = copy();
    const optimizer = make();
    for (const gradient of gradients) {
      const before = [...params.values()].map((values) => values.slice());
      const moved = optimizer.step(params, gradient, 1e-3);
      let squares = 0;
      [...params.values()].forEach((values, place) => values.forEach((value, i) => (squares += (value - before[place]![i]!) ** 2)));
      expect(moved).toBeCloseTo(Math.sqrt(squares), 12);
      expect(moved).toBeGreaterThan(0);
    }
  });

  it('goes on from a saved state to the same bytes', () => {
    const whole = copy();
    const uninterrupted = make();
    for (const gradient of gradients) uninterrupted.step(whole, gradient, 1e-3);

    const parts = copy();
    const before = make();
    for (const gradient of gradients.slice(0, 2)) before.step(parts, gradient, 1e-3);
    const saved = before.state();
    before.step(copy(), gradients[2]!, 1e-3);
    const after = make();
    after.restore({ ...saved, hyperparameters: JSON.parse(JSON.stringify(saved.hyperparameters)) as typeof saved.hyperparameters });
    for (const gradient of gradients.slice(2)) after.step(parts, gradient, 1e-3);

    expect(parts).toEqual(whole);
    expect(after.state()).toEqual(uninterrupted.state());
  });

  it('changes nothing if a gradient is not finite', () => {
    const optimizer = make();
    const params = copy();
    optimizer.step(params, gradients[0]!, 1e-3);
    const [values, state] = [new Map([...params].map(([name, data]) => [name, data.slice()])), optimizer.state()];
    for (const bad of [NaN, Infinity, -Infinity]) {
      const broken = new Map([...gradients[1]!].map(([name, data]) => [name, data.slice()]));
      broken.get('b.weight')![99] = bad;
      expect(() => optimizer.step(params, broken, 1e-3)).toThrow(expect.objectContaining({ code: 'E_OPTIM_GRADIENT' }));
      expect(() => optimizer.step(params, broken, 1e-3)).toThrow(/b\.weight/);
    }
    expect(params).toEqual(values);
    expect(optimizer.state()).toEqual(state);
  });

  it('refuses parameters and states that do not fit', () => {
    const optimizer = make();
    const params = copy();
    optimizer.step(params, gradients[0]!, 1e-3);
    const one = new Map([['a.weight', params.get('a.weight')!]]);
    expect(() => optimizer.step(one, new Map([['a.weight', new Float32Array(5000)]]), 1e-3)).toThrow(/missing/);
    expect(() => optimizer.step(params, one, 1e-3)).toThrow(/no gradient/);
    expect(() => createAdamW({ betas: [0.8, 0.999] }).restore(optimizer.state())).toThrow(
      expect.objectContaining({ code: 'E_OPTIM_RESTORE' }),
    );
    const state = optimizer.state();
    const tensors = new Map(state.tensors);
    tensors.delete('b.weight.state2');
    expect(() => make().restore({ ...state, tensors })).toThrow(expect.objectContaining({ code: 'E_OPTIM_RESTORE' }));
  });
});

describe('clipGradients', () => {
  it('scales as torch does and returns the norm', () => {
    const gradients = new Map([
      ['a', Float32Array.of(3, 0)],
      ['b', Float32Array.of(4)],
    ]);
    expect(clipGradients(gradients, 0)).toBe(5);
    expect(clipGradients(gradients, 10)).toBe(5);
    expect(gradients.get('b')![0]).toBe(4);
    expect(clipGradients(gradients, 1)).toBe(5);
    expect(gradientNorm(gradients)).toBeCloseTo(1, 6);
    expect(gradients.get('a')![0]).toBe(Math.fround(3 * (1 / (5 + 1e-6))));
  });

  it('does not overflow and refuses what is not finite', () => {
    expect(gradientNorm(new Map([['a', new Float32Array(4).fill(3e38)]]))).toBeCloseTo(2 * Math.fround(3e38), -30);
    expect(() => clipGradients(new Map([['a', Float32Array.of(NaN)]]), 1)).toThrow(expect.objectContaining({ code: 'E_OPTIM_GRADIENT' }));
  });

  it('spares the update another look', () => {
    const step = (options?: { finite: boolean }): number =>
      createAdamW().step(new Map([['p', Float32Array.of(1)]]), new Map([['p', Float32Array.of(Infinity)]]), 0, options);
    expect(() => step()).toThrow(expect.objectContaining({ code: 'E_OPTIM_GRADIENT' }));
    expect(() => step({ finite: true })).not.toThrow();
  });
});

describe('sumOfSquares', () => {
  const draw = uniform(11);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => draw() ** 5);

  /** The order of its documentation, written plainly. */
  function inOrder(values: Float32Array, lanes: number, block = 16384): number {
    let sum = 0;
    for (let start = 0; start < values.length; start += block) {
      const squares = [...values.subarray(start, start + block)].map((value) => value * value);
      const whole = squares.length - (squares.length % lanes);
      let sums = Array.from({ length: lanes }, (_, lane) =>
        squares.slice(0, whole).reduce((total, square, at) => (at % lanes === lane ? total + square : total), 0),
      );
      while (sums.length > 1) {
        const half = sums.length / 2;
        sums = sums.slice(0, half).map((one, lane) => one + sums[lane + half]!);
      }
      sum += sums[0]! + squares.slice(whole).reduce((total, square) => total + square, 0);
    }
    return sum;
  }

  it.each([0, 1, 7, 8, 9, 16383, 16384, 16385, 50_003])('of %i values: in the order that compiled ones keep to', (count) => {
    const values = numbers(count);
    expect(sumOfSquares(values)).toBe(inOrder(values, 8));
  });

  it('differs in the last bits in another order', () => {
    const values = numbers(50_003);
    expect(sumOfSquares(values)).not.toBe(inOrder(values, 1));
    expect(sumOfSquares(values)).not.toBe(inOrder(values, 8, 4096));
  });

  it('is that of exact arithmetic to 1e-14', () => {
    const values = numbers(300_000);
    // In units of 2^-64, which are as good as exact beside a sum of thousands.
    const exact = values.reduce((sum, value) => sum + BigInt(Math.trunc(value * 2 ** 64)) ** 2n, 0n);
    expect(sumOfSquares(values) / (Number(exact) / 2 ** 128)).toBeCloseTo(1, 14);
  });
});

describe('createSchedule', () => {
  it('warms up, falls and ends where it should', () => {
    const cosine = createSchedule({ schedule: 'cosine', learningRate: 2, warmup: 4, steps: 12, finalFraction: 0.1 });
    expect([1, 2, 4, 8, 12, 13].map((step) => Number(cosine(step).toFixed(6)))).toEqual([0.5, 1, 2, 1.1, 0.2, 0.2]);
    const linear = createSchedule({ schedule: 'linear', learningRate: 2, steps: 4 });
    expect([1, 2, 3, 4].map(linear)).toEqual([1.5, 1, 0.5, 0]);
    const constant = createSchedule({ schedule: 'constant', learningRate: 2, warmup: 2, steps: 4 });
    expect([1, 2, 3, 4].map(constant)).toEqual([1, 2, 2, 2]);
  });

  it('never exceeds its largest value and never rises after the warm-up', () => {
    const options = fc.record({
      schedule: fc.constantFrom('constant' as const, 'cosine' as const, 'linear' as const),
      steps: fc.integer({ min: 1, max: 60 }),
      finalFraction: fc.double({ min: 0, max: 1, noNaN: true }),
      warmupFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(options, ({ warmupFraction, ...rest }) => {
        const warmup = Math.floor(warmupFraction * rest.steps);
        const schedule = createSchedule({ ...rest, warmup, learningRate: 1 });
        const rates = Array.from({ length: rest.steps }, (_, i) => schedule(i + 1));
        expect(Math.max(...rates)).toBeLessThanOrEqual(1 + 1e-12);
        expect(Math.min(...rates)).toBeGreaterThanOrEqual(0);
        for (let step = warmup + 1; step < rest.steps; step++) expect(rates[step]).toBeLessThanOrEqual(rates[step - 1]! + 1e-12);
      }),
    );
  });

  it.each([{ learningRate: 0 }, { steps: 0 }, { warmup: 11 }, { finalFraction: 2 }])('refuses %j', (wrong) => {
    expect(() => createSchedule({ schedule: 'cosine', learningRate: 1, steps: 10, ...wrong })).toThrow(
      expect.objectContaining({ code: 'E_OPTIM_SCHEDULE' }),
    );
  });
});
