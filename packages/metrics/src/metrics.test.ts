import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bootstrapMean,
  cohenDZ,
  constantBaselines,
  constantFveNrm,
  cosine,
  derangement,
  fveMeannorm,
  fveNrm,
  fveRaw,
  mean,
  median,
  mseNrm,
  norm,
  pairedEffect,
  quantile,
  signFlipP,
  standardDeviation,
  summarize,
  wilsonInterval,
} from './index.js';
import { generator, normal } from './__fixtures__/random.js';

describe('summaries against numbers worked out by hand', () => {
  const values = [2, 4, 4, 4, 5, 5, 7, 9];
  it('mean, median, deviation, quantiles', () => {
    expect(mean(values)).toBe(5);
    expect(median(values)).toBe(4.5);
    expect(standardDeviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 12);
    // numpy.quantile([2,4,4,4,5,5,7,9], [.1, .9]) = [3.4, 7.6]
    expect(quantile(values, 0.1)).toBeCloseTo(3.4, 12);
    expect(quantile(values, 0.9)).toBeCloseTo(7.6, 12);
    expect(summarize(values)).toMatchObject({ count: 8, minimum: 2, maximum: 9 });
    expect(summarize([3])).toMatchObject({ mean: 3, median: 3, standardDeviation: 0 });
  });
  it('does not touch its input and refuses nothing', () => {
    const unsorted = [3, 1, 2];
    median(unsorted);
    expect(unsorted).toEqual([3, 1, 2]);
    expect(() => summarize([])).toThrow(/empty/);
  });
});

describe('cosine and error', () => {
  it('by hand', () => {
    expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 15);
    expect(cosine([1, 2], [-2, -4])).toBeCloseTo(-1, 15);
    expect(cosine([0, 0], [1, 2])).toBe(0);
    expect(mseNrm(0.36)).toBeCloseTo(1.28, 12);
    expect(() => cosine([1], [1, 2])).toThrow(/length/);
  });

  const vector = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 3, maxLength: 3 });
  it('is bounded, symmetric and blind to length', () => {
    fc.assert(
      fc.property(vector, vector, fc.double({ min: 0.01, max: 100, noNaN: true }), (first, second, factor) => {
        const value = cosine(first, second);
        expect(Math.abs(value)).toBeLessThanOrEqual(1);
        expect(cosine(second, first)).toBe(value);
        if (norm(first) > 1e-3 && norm(second) > 1e-3) {
          expect(
            cosine(
              first.map((item) => item * factor),
              second,
            ),
          ).toBeCloseTo(value, 9);
        }
      }),
    );
  });

  it('is the mean squared difference at norm √d', () => {
    const random = generator(1);
    const first = Array.from({ length: 40 }, () => normal(random));
    const second = Array.from({ length: 40 }, () => normal(random));
    const at = (values: number[]) => values.map((value) => (value * Math.sqrt(40)) / norm(values));
    const [a, b] = [at(first), at(second)];
    const direct = a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0) / 40;
    expect(mseNrm(cosine(first, second))).toBeCloseTo(direct, 12);
  });
});

describe('baselines', () => {
  it('by hand: two right angles', () => {
    const { rho, rawvar, meannorm, n, meanRaw } = constantBaselines([
      [3, 0],
      [0, 5],
      [0, 0],
    ]);
    expect(rho).toBeCloseTo(Math.SQRT1_2, 12);
    expect(rawvar).toBeCloseTo(0.5, 12);
    expect(meannorm).toBeCloseTo(2 - Math.SQRT2, 12);
    expect(n).toBe(2);
    expect(Array.from(meanRaw)).toEqual([1.5, 2.5]);
    expect(() => constantBaselines([[0, 0]])).toThrow(/not zero/);
  });

  it('the mean direction has mean cosine rho, fve_nrm 1 - 2 / (1 + rho) and fve_meannorm 0', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 60 }), fc.double({ min: 0, max: 3, noNaN: true }), (seed, count, shift) => {
        const random = generator(seed);
        const vectors = Array.from({ length: count }, () => Array.from({ length: 12 }, () => (normal(random) + shift) * 7));
        const baselines = constantBaselines(vectors);
        const cosines = vectors.map((vector) => cosine(vector, baselines.meanUnit));
        expect(mean(cosines)).toBeCloseTo(baselines.rho, 10);
        expect(fveNrm(cosines, baselines)).toBeCloseTo(constantFveNrm(baselines.rho), 8);
        expect(fveMeannorm(cosines, baselines)).toBeCloseTo(0, 8);
      }),
    );
  });

  it('published pairs: an error of .72 is fve_meannorm .25 and fve_nrm .02 at rho .52', () => {
    const rho = Math.sqrt(1 - 0.7335);
    expect(fveNrm([1 - 0.586 / 2], { rawvar: 1 - rho ** 2 })).toBeCloseTo(1 - 0.586 / 0.7335, 12);
    expect(fveMeannorm([1 - 0.586 / 2], { meannorm: 2 * (1 - rho) })).toBeCloseTo(1 - 0.586 / (2 - 2 * rho), 12);
    // tiny task: rho .572 gives -.27 for the constant.
    expect(constantFveNrm(0.572)).toBeCloseTo(-0.272, 3);
    expect(fveNrm([1, 1], { rawvar: 0 })).toBeNaN();
  });

  it('raw FVE: perfect is 1, the mean is 0, and a given centre is used', () => {
    const targets = [
      [1, 2],
      [3, 4],
      [5, 0],
    ];
    expect(fveRaw(targets, targets)).toBe(1);
    expect(fveRaw(targets, Array(3).fill([3, 2]))).toBe(0);
    expect(fveRaw([[2, 0]], [[1, 0]], [0, 0])).toBe(0.75);
  });
});

describe('bootstrap', () => {
  it('is seeded, holds the mean and shrinks to a point without variance', () => {
    const values = Array.from({ length: 50 }, (_, index) => Math.sin(index));
    const first = bootstrapMean(values, { random: generator(5) });
    expect(bootstrapMean(values, { random: generator(5) })).toEqual(first);
    expect(first.low).toBeLessThan(first.value);
    expect(first.high).toBeGreaterThan(first.value);
    expect(bootstrapMean([2, 2, 2], { random: generator(1) })).toEqual({ value: 2, low: 2, high: 2 });
  });

  it('is close to the normal interval for a large sample', () => {
    const random = generator(7);
    const values = Array.from({ length: 400 }, () => normal(random));
    const { value, low, high } = bootstrapMean(values, { random, resamples: 4000 });
    const half = (1.96 * standardDeviation(values)) / Math.sqrt(400);
    expect(low).toBeCloseTo(value - half, 1);
    expect((high - low) / (2 * half)).toBeGreaterThan(0.93);
    expect((high - low) / (2 * half)).toBeLessThan(1.07);
  });

  it('covers the truth about 95 times in 100', () => {
    const random = generator(11);
    let covered = 0;
    const trials = 400;
    for (let trial = 0; trial < trials; trial += 1) {
      const values = Array.from({ length: 60 }, () => 0.3 + normal(random));
      const { low, high } = bootstrapMean(values, { random, resamples: 400 });
      if (low <= 0.3 && high >= 0.3) covered += 1;
    }
    expect(covered / trials).toBeGreaterThan(0.91);
    expect(covered / trials).toBeLessThan(0.98);
  });

  it('by cluster covers where rows of a document are alike, and by row does not', () => {
    const random = generator(13);
    let [byCluster, byRow] = [0, 0];
    const trials = 200;
    for (let trial = 0; trial < trials; trial += 1) {
      const clusters: string[] = [];
      const values: number[] = [];
      for (let document = 0; document < 40; document += 1) {
        const level = normal(random);
        for (let row = 0; row < 5; row += 1) {
          clusters.push(`d${document}`);
          values.push(level + 0.2 * normal(random));
        }
      }
      const covers = ({ low, high }: { low: number; high: number }) => low <= 0 && high >= 0;
      if (covers(bootstrapMean(values, { random, resamples: 300, clusters }))) byCluster += 1;
      if (covers(bootstrapMean(values, { random, resamples: 300 }))) byRow += 1;
    }
    expect(byCluster / trials).toBeGreaterThan(0.88);
    expect(byRow / trials).toBeLessThan(0.75);
  });
});

describe('paired effects', () => {
  it('sign flips by hand: three equal differences have p 2/8', () => {
    expect(signFlipP([1, 1, 1], { random: generator(1) })).toBe(0.25);
    // |±1 ±2 ±3| >= 4: the signs +++ (6), -++ (4), and their mirror images: 4 of 8.
    expect(signFlipP([-1, 2, 3], { random: generator(1) })).toBe(0.5);
    expect(signFlipP([0, 0, 0], { random: generator(1) })).toBe(1);
  });

  it('a sampled p is never 0, and near the exact one', () => {
    const differences = [0.5, -0.2, 0.9, 0.4, 0.1, 0.8, -0.3, 0.6];
    const exact = signFlipP(differences, { random: generator(1) });
    const sampled = signFlipP(differences, { random: generator(1), permutations: 200 });
    expect(sampled).toBeGreaterThan(0);
    expect(Math.abs(sampled - exact)).toBeLessThan(0.06);
    expect(signFlipP(Array(64).fill(1), { random: generator(2), permutations: 999 })).toBe(1 / 1000);
  });

  it('keeps its level under the null hypothesis', () => {
    const random = generator(17);
    let rejected = 0;
    for (let trial = 0; trial < 300; trial += 1) {
      const differences = Array.from({ length: 20 }, () => normal(random));
      if (signFlipP(differences, { random, permutations: 300 }) <= 0.05) rejected += 1;
    }
    expect(rejected / 300).toBeGreaterThan(0.02);
    expect(rejected / 300).toBeLessThan(0.09);
  });

  it('refuses what would silently be p = 0, and what is not there', () => {
    expect(() => signFlipP([1, NaN, 2], { random: generator(1) })).toThrow(/not a finite/);
    expect(() => signFlipP([], { random: generator(1) })).toThrow(/empty/);
    expect(() => signFlipP([1], { random: generator(1), permutations: 0 })).toThrow(/permutations/);
    expect(() => signFlipP([1, 2], { random: generator(1), clusters: ['a'] })).toThrow(/cluster label/);
    expect(() => pairedEffect([1, NaN], [1, 2], { random: generator(1) })).toThrow(/index 1/);
  });

  it('flips whole clusters', () => {
    expect(signFlipP([1, 1, 1, 1], { random: generator(1), clusters: ['a', 'a', 'b', 'b'] })).toBe(0.5);
  });

  it('puts together difference, interval, p and d_z', () => {
    const effect = pairedEffect([0.5, 0.7, 0.9], [0.1, 0.2, 0.3], { random: generator(3) });
    expect(effect.value).toBeCloseTo(0.5, 12);
    expect(effect.sd).toBeCloseTo(0.1, 12);
    expect(effect.dZ).toBeCloseTo(5, 10);
    expect(effect).toMatchObject({ n: 3, p: 0.25 });
    expect(cohenDZ([0, 0])).toBe(0);
    expect(() => pairedEffect([1], [1, 2], { random: generator(1) })).toThrow(/same rows/);
  });

  it('the pairing matters: exchanged rows give another interval', () => {
    const random = generator(19);
    const first = Array.from({ length: 80 }, () => normal(random));
    const second = first.map((value) => value - 0.2 + 0.05 * normal(random));
    const paired = pairedEffect(first, second, { random: generator(1) });
    const mixed = pairedEffect(first, [...second.slice(1), second[0] ?? 0], { random: generator(1) });
    expect(paired.low).toBeGreaterThan(0);
    expect(mixed.low).toBeLessThan(0);
  });
});

describe('derangement', () => {
  it('uses every row once and never within a document', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 60 }), (seed, labels) => {
        const documents = labels.map((label) => `d${label}`);
        const largest = Math.max(...documents.map((one) => documents.filter((other) => other === one).length));
        if (largest * 2 > documents.length) {
          expect(() => derangement(documents, generator(seed))).toThrow(/more than half|cannot be exchanged/);
          return;
        }
        const order = derangement(documents, generator(seed));
        expect([...order].sort((a, b) => a - b)).toEqual(documents.map((_, index) => index));
        order.forEach((other, row) => expect(documents[other]).not.toBe(documents[row]));
      }),
      { numRuns: 300 },
    );
  });

  it('is seeded and spreads over all partners', () => {
    const documents = Array.from({ length: 6 }, (_, index) => `d${index}`);
    expect(derangement(documents, generator(1))).toEqual(derangement(documents, generator(1)));
    const counts = new Map<string, number>();
    const random = generator(2);
    for (let trial = 0; trial < 3000; trial += 1) {
      derangement(documents, random).forEach((other, row) => counts.set(`${row}-${other}`, (counts.get(`${row}-${other}`) ?? 0) + 1));
    }
    expect(counts.size).toBe(30);
    for (const count of counts.values()) expect(Math.abs(count - 600)).toBeLessThan(120);
  });
});

it('Wilson intervals: refuses what is no proportion', () => {
  expect(() => wilsonInterval(3, 2)).toThrow(/3 of 2/);
  expect(() => wilsonInterval(0, 0)).toThrow(/one trial/);
  expect(() => wilsonInterval(1, 2, 1.96)).toThrow(/confidence/);
});

it('Wilson intervals by hand', () => {
  // (.28 + z²/200) / (1 + z²/100) = .2881, half width .0867.
  const { value, low, high } = wilsonInterval(28, 100);
  expect([value, low, high].map((item) => item.toFixed(2))).toEqual(['0.28', '0.20', '0.37']);
  expect(wilsonInterval(0, 10)).toMatchObject({ value: 0, low: 0 });
  expect(wilsonInterval(0, 10).high).toBeCloseTo(0.2775, 4);
  expect(wilsonInterval(10, 10).high).toBeCloseTo(1, 12);
});
