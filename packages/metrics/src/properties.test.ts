import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bcaInterval,
  bootstrapMean,
  bootstrapMeanIntervals,
  bootstrapStatistic,
  constantBaselines,
  constantFveNrm,
  cosine,
  effectOf,
  fveMeannorm,
  fveNrm,
  fveRaw,
  holm,
  linearTrend,
  mean,
  median,
  pairedEffect,
  pairedTrend,
  signFlipTest,
  wilsonInterval,
} from './index.js';
import { generator, normal } from './__fixtures__/random.js';

/** Multiples of 2⁻¹⁰: sums of them are exact, and ties are frequent. */
const figure = fc.integer({ min: -2048, max: 2048 }).map((value) => value / 1024);
const sample = fc.array(figure, { minLength: 1, maxLength: 30 });
const probability = fc.double({ min: 0, max: 1, noNaN: true });
/** An order to put `items` into. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = generator(seed);
  return items
    .map((item) => ({ item, key: random() }))
    .sort((first, second) => first.key - second.key)
    .map(({ item }) => item);
}

describe('bootstrap', () => {
  it('both intervals lie within the values, are ordered, and are the same for the same seed', () => {
    fc.assert(
      fc.property(sample, fc.integer(), (values, seed) => {
        const found = bootstrapMeanIntervals(values, { random: generator(seed), resamples: 100 });
        expect(bootstrapMeanIntervals(values, { random: generator(seed), resamples: 100 })).toEqual(found);
        const [lowest, highest] = [Math.min(...values) - 1e-12, Math.max(...values) + 1e-12];
        for (const { low, high } of [found, found.bca]) {
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(lowest);
          expect(high).toBeLessThanOrEqual(highest);
        }
        const { value, low, high } = found;
        expect(bootstrapMean(values, { random: generator(seed), resamples: 100 })).toEqual({ value, low, high });
      }),
    );
  });

  it('BCa contains the estimate, moves with the values, and turns with their sign', () => {
    fc.assert(
      fc.property(fc.array(figure, { minLength: 5, maxLength: 30 }), fc.integer(), figure, (values, seed, shift) => {
        const at = (data: number[]) => bootstrapMeanIntervals(data, { random: generator(seed), resamples: 200 });
        const found = at(values);
        expect(found.bca.low).toBeLessThanOrEqual(found.value + 1e-9);
        expect(found.bca.high).toBeGreaterThanOrEqual(found.value - 1e-9);
        const moved = at(values.map((value) => value + shift));
        expect(moved.low).toBeCloseTo(found.low + shift, 9);
        const turned = at(values.map((value) => -value));
        expect(turned.bca.low).toBeCloseTo(-found.bca.high, 9);
        expect(turned.bca.high).toBeCloseTo(-found.bca.low, 9);
        expect(turned.acceleration).toBeCloseTo(-found.acceleration, 9);
      }),
    );
  });

  it('without bias and acceleration BCa is the percentile interval', () => {
    const sortedReplicates = Array.from({ length: 1001 }, (_, index) => index / 1000);
    const jackknife = [0.4, 0.5, 0.6];
    const plain = bcaInterval({ sortedReplicates, estimate: 0.5, jackknife, confidence: 0.9 });
    expect(plain.low).toBeCloseTo(0.05, 9);
    expect(plain.high).toBeCloseTo(0.95, 9);
    // An estimate below the replicates' median moves both ends down, and a long tail of the jackknife moves them too.
    const biased = bcaInterval({ sortedReplicates, estimate: 0.4, jackknife, confidence: 0.9 });
    expect(biased.low).toBeLessThan(plain.low);
    expect(biased.high).toBeLessThan(plain.high);
    const skewed = bcaInterval({ sortedReplicates, estimate: 0.5, jackknife: [0.2, 0.5, 0.51, 0.52, 0.53], confidence: 0.9 });
    expect(skewed.acceleration).toBeGreaterThan(0);
    expect(skewed.low).toBeGreaterThan(plain.low);
    expect(skewed.high).toBeGreaterThan(plain.high);
    // All replicates on one side: the ends stay finite, and at that side.
    const aside = bcaInterval({ sortedReplicates, estimate: 9, jackknife, confidence: 0.9 });
    expect(aside.low).toBeGreaterThan(0.99);
    expect(aside.high).toBeLessThanOrEqual(1);
  });

  it('a replicate that equals the estimate up to rounding counts half, also where the estimate is near zero', () => {
    const jackknife = [-0.1, 0, 0.1];
    const at = (middle: number) => bcaInterval({ sortedReplicates: [-1, middle, middle, 1], estimate: 1e-20, jackknife, confidence: 0.9 });
    expect(at(1e-16)).toMatchObject({ bias: 0, acceleration: 0 });
    expect(at(1e-3).bias).toBeLessThan(-0.5);
  });

  it('BCa covers a skewed mean more evenly on both sides than the percentile interval', () => {
    const random = generator(23);
    const missed = { percentile: [0, 0], bca: [0, 0] };
    for (let trial = 0; trial < 500; trial += 1) {
      const values = Array.from({ length: 20 }, () => -Math.log(1 - random()));
      const found = bootstrapMeanIntervals(values, { random, resamples: 300 });
      for (const [name, { low, high }] of [['percentile', found] as const, ['bca', found.bca] as const]) {
        if (low > 1) missed[name][0] = (missed[name][0] ?? 0) + 1;
        if (high < 1) missed[name][1] = (missed[name][1] ?? 0) + 1;
      }
    }
    const unevenness = ([above = 0, below = 0]: number[]) => Math.abs(above - below);
    expect(unevenness(missed.bca)).toBeLessThan(unevenness(missed.percentile));
    expect(mean(missed.bca)).toBeLessThan(mean(missed.percentile));
  });

  it('takes any statistic, and says what it cannot take', () => {
    const values = Array.from({ length: 41 }, (_, index) => Math.sin(index));
    const medianOf = (rows: readonly number[]) => median(rows.map((row) => values[row] ?? NaN));
    const found = bootstrapStatistic(41, medianOf, { random: generator(2), resamples: 300 });
    expect(found.value).toBe(median(values));
    expect(found.low).toBeLessThan(found.high);
    expect(() => bootstrapStatistic(3, () => NaN, { random: generator(1) })).toThrow(/not a finite/);
    expect(() => bootstrapStatistic(0, () => 1, { random: generator(1) })).toThrow(/rows/);
    expect(() => bootstrapMean([1, NaN], { random: generator(1) })).toThrow(/index 1/);
    expect(() => bootstrapMean([1], { random: generator(1), confidence: 1 })).toThrow(/confidence/);
    expect(() => bootstrapMean([1], { random: generator(1), resamples: 0 })).toThrow(/resamples/);
    const one = bootstrapMeanIntervals([1, 3], { random: generator(1), clusters: ['a', 'a'] });
    expect(one).toMatchObject({ value: 2, low: 2, high: 2, bca: { low: 2, high: 2 } });
  });
});

describe('sign flips', () => {
  it('do not depend on order or common sign and scale, and are at least 2 / 2ⁿ', () => {
    fc.assert(
      fc.property(fc.array(figure, { minLength: 1, maxLength: 9 }), fc.integer(), (differences, seed) => {
        const { p, exact } = signFlipTest(differences, { random: generator(seed) });
        expect(exact).toBe(true);
        expect(p).toBeGreaterThanOrEqual(2 / 2 ** differences.length);
        expect(p).toBeLessThanOrEqual(1);
        const same = (other: number[]) => expect(signFlipTest(other, { random: generator(seed) }).p).toBe(p);
        same(shuffled(differences, seed));
        same(differences.map((value) => -value));
        same(differences.map((value) => value * 4));
      }),
    );
  });

  it('exchanged conditions have the opposite effect and the same p', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(figure, figure), { minLength: 2, maxLength: 9 }), (pairs) => {
        const [first, second] = [pairs.map(([one]) => one), pairs.map(([, two]) => two)];
        const [there, back] = [
          pairedEffect(first, second, { random: generator(1) }),
          pairedEffect(second, first, { random: generator(1) }),
        ];
        expect(back.p).toBe(there.p);
        expect(back.value).toBeCloseTo(-there.value, 12);
        expect(back.low).toBeCloseTo(-there.high, 12);
        if (Number.isFinite(there.dZ)) expect(back.dZ).toBeCloseTo(-there.dZ, 9);
        else expect(back.dZ).toBe(-there.dZ);
      }),
    );
  });

  it('equal differences are infinitely many standard deviations from zero, rounding or not', () => {
    const first = [0.1, 0.2, 0.3, 0.7];
    expect(
      effectOf(
        first.map((value) => value + 0.1 - value),
        { random: generator(1) },
      ).dZ,
    ).toBe(Infinity);
    expect(effectOf([-1, -1], { random: generator(1) }).dZ).toBe(-Infinity);
  });
});

describe('Holm', () => {
  it('keeps the order of p-values, lies between p and Bonferroni, and does not depend on order', () => {
    fc.assert(
      fc.property(fc.array(probability, { minLength: 1, maxLength: 12 }), fc.integer(), (values, seed) => {
        const adjusted = holm(values);
        values.forEach((p, index) => {
          const mine = adjusted[index] ?? NaN;
          expect(mine).toBeGreaterThanOrEqual(p);
          expect(mine).toBeLessThanOrEqual(Math.min(1, p * values.length));
          values.forEach((other, place) => {
            if (p <= other) expect(mine).toBeLessThanOrEqual(adjusted[place] ?? NaN);
          });
        });
        const order = shuffled(
          values.map((_, index) => index),
          seed,
        );
        expect(holm(order.map((index) => values[index] ?? NaN))).toEqual(order.map((index) => adjusted[index]));
      }),
    );
  });

  it('rejects one of five true hypotheses about five times in a hundred; uncorrected tests do so far more often', () => {
    const random = generator(31);
    let [corrected, uncorrected] = [0, 0];
    for (let trial = 0; trial < 4000; trial += 1) {
      const values = Array.from({ length: 5 }, random);
      if (Math.min(...holm(values)) <= 0.05) corrected += 1;
      if (Math.min(...values) <= 0.05) uncorrected += 1;
    }
    expect(corrected / 4000).toBeGreaterThan(0.035);
    expect(corrected / 4000).toBeLessThan(0.062);
    expect(uncorrected / 4000).toBeGreaterThan(0.19);
  });
});

it('Wilson intervals contain the proportion, shrink with more trials, and mirror', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      probability,
      fc.double({ min: 0.5, max: 0.999, noNaN: true }),
      (trials, part, confidence) => {
        const successes = Math.round(part * trials);
        const { value, low, high } = wilsonInterval(successes, trials, confidence);
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        const more = wilsonInterval(successes * 4, trials * 4, confidence);
        expect(more.high - more.low).toBeLessThan(high - low);
        const mirrored = wilsonInterval(trials - successes, trials, confidence);
        expect(mirrored.low).toBeCloseTo(1 - high, 12);
      },
    ),
  );
});

describe('trends', () => {
  const steps = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { minLength: 3, maxLength: 9 });

  it('finds a line, whatever the order of its points', () => {
    fc.assert(
      fc.property(steps, figure, figure, fc.integer(), (x, slope, intercept, seed) => {
        const found = linearTrend(
          x,
          x.map((value) => slope * value + intercept),
        );
        expect(found.value).toBeCloseTo(slope, 9);
        expect(found.intercept).toBeCloseTo(intercept, 6);
        const noise = generator(seed);
        const y = x.map((value) => slope * value + noise());
        const order = shuffled(
          x.map((_, index) => index),
          seed,
        );
        const [straight, mixed] = [
          linearTrend(x, y),
          linearTrend(
            order.map((index) => x[index] ?? NaN),
            order.map((index) => y[index] ?? NaN),
          ),
        ];
        expect(mixed.value).toBeCloseTo(straight.value, 9);
        expect(mixed.p).toBeCloseTo(straight.p, 6);
        expect(straight.low).toBeLessThanOrEqual(straight.value);
        expect(straight.high).toBeGreaterThanOrEqual(straight.value);
        expect(straight.p < 0.05).toBe(straight.low > 0 || straight.high < 0);
      }),
    );
  });

  it('a level line has no trend, for points and for rows', () => {
    const x = [50, 100, 150, 200];
    const level = [0.1, 0.1, 0.1, 0.1].map((value) => value * 3);
    expect(linearTrend(x, level)).toMatchObject({ value: 0, p: 1, low: 0, high: 0 });
    expect(linearTrend(x, level).rSquared).toBeNaN();
    expect(pairedTrend(x, [level, level.map((value) => value / 7), level], { random: generator(1) })).toMatchObject({
      value: 0,
      p: 1,
      dZ: 0,
    });
  });

  it('two steps: the slope is the paired difference over the distance', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(figure, figure), { minLength: 2, maxLength: 8 }), (rows) => {
        const trend = pairedTrend([100, 200], rows, { random: generator(3) });
        const effect = pairedEffect(
          rows.map(([, after]) => after),
          rows.map(([before]) => before),
          { random: generator(3) },
        );
        expect(trend.value * 100).toBeCloseTo(effect.value, 9);
        expect(trend.bca.high * 100).toBeCloseTo(effect.bca.high, 9);
        expect(trend.p).toBe(effect.p);
      }),
    );
  });

  it('keeps its level where all rows of a document move together, and by row does not', () => {
    const random = generator(41);
    const x = [50, 100, 150];
    const rejected = { clusters: 0, rows: 0 };
    const trials = 150;
    for (let trial = 0; trial < trials; trial += 1) {
      const rows: number[][] = [];
      const clusters: string[] = [];
      for (let document = 0; document < 20; document += 1) {
        const levels = x.map(() => normal(random));
        for (let row = 0; row < 4; row += 1) {
          rows.push(levels.map((level) => level + 0.3 * normal(random)));
          clusters.push(`d${document}`);
        }
      }
      if (pairedTrend(x, rows, { random, resamples: 2, permutations: 200, clusters }).p <= 0.05) rejected.clusters += 1;
      if (pairedTrend(x, rows, { random, resamples: 2, permutations: 200 }).p <= 0.05) rejected.rows += 1;
    }
    expect(rejected.clusters / trials).toBeLessThan(0.1);
    expect(rejected.rows / trials).toBeGreaterThan(0.2);
  });

  it('says what it cannot fit', () => {
    expect(() => linearTrend([1, 2], [1, 2])).toThrow(/No line/);
    expect(() => linearTrend([1, 1, 1], [1, 2, 3])).toThrow(/No line/);
    expect(() => linearTrend([1, 2, 3], [1, 2])).toThrow(/needs a y/);
    expect(() => linearTrend([1, 2, 3], [1, NaN, 2])).toThrow(/not a finite/);
    expect(() => pairedTrend([1, 2], [[1, 2], [1]], { random: generator(1) })).toThrow(/every row at every step/);
    expect(() => pairedTrend([1, 2], [], { random: generator(1) })).toThrow(/empty/);
  });
});

describe('constant predictors and variance explained', () => {
  const vectorsOf = (seed: number, count: number, shift: number) => {
    const random = generator(seed);
    return Array.from({ length: count }, () => Float32Array.from({ length: 8 }, () => normal(random) + shift));
  };
  const set = fc.tuple(fc.integer(), fc.integer({ min: 2, max: 40 }), fc.double({ min: 0, max: 3, noNaN: true }));

  it('no constant has a higher mean cosine than the mean direction, and none a positive fve_nrm', () => {
    fc.assert(
      fc.property(set, fc.integer(), ([seed, count, shift], other) => {
        const vectors = vectorsOf(seed, count, shift);
        const baselines = constantBaselines(vectors);
        const random = generator(other);
        const constant = Float64Array.from({ length: 8 }, () => normal(random));
        const cosines = vectors.map((vector) => cosine(vector, constant));
        expect(mean(cosines)).toBeLessThanOrEqual(baselines.rho + 1e-12);
        expect(fveNrm(cosines, baselines)).toBeLessThanOrEqual(constantFveNrm(baselines.rho) + 1e-9);
        expect(constantFveNrm(baselines.rho)).toBeLessThanOrEqual(0);
        expect(fveMeannorm(cosines, baselines)).toBeLessThanOrEqual(1e-9);
      }),
    );
  });

  it('scale of the vectors changes the hash, not the baselines; order changes the hash only', () => {
    fc.assert(
      fc.property(set, ([seed, count, shift]) => {
        const vectors = vectorsOf(seed, count, shift);
        const [plain, doubled, turned] = [
          constantBaselines(vectors),
          constantBaselines(vectors.map((vector) => vector.map((value) => value * 2))),
          constantBaselines([...vectors].reverse()),
        ];
        expect(doubled.rho).toBeCloseTo(plain.rho, 12);
        expect(turned.rho).toBeCloseTo(plain.rho, 12);
        expect(new Set([plain.referenceHash, doubled.referenceHash, turned.referenceHash]).size).toBe(3);
        expect(constantBaselines(vectors).referenceHash).toBe(plain.referenceHash);
      }),
    );
  });

  it('raw FVE: the mean as prediction is 0, moving towards the target helps, and lengths must match', () => {
    fc.assert(
      fc.property(set, fc.double({ min: 0, max: 1, noNaN: true }), ([seed, count, shift], part) => {
        const vectors = vectorsOf(seed, count, shift);
        const centre = Float64Array.from({ length: 8 }, (_, index) => mean(vectors.map((vector) => vector[index] ?? NaN)));
        expect(
          fveRaw(
            vectors,
            vectors.map(() => centre),
          ),
        ).toBeCloseTo(0, 9);
        const towards = vectors.map((vector) =>
          Float64Array.from(vector, (value, index) => part * value + (1 - part) * (centre[index] ?? NaN)),
        );
        expect(fveRaw(vectors, towards)).toBeCloseTo(1 - (1 - part) ** 2, 9);
      }),
    );
    expect(() => fveRaw([[1, 2]], [[1, 2, 3]])).toThrow(/differ in length/);
    expect(() => fveRaw([[1, 2]], [[1, 2]], [0])).toThrow(/differ in length/);
  });

  it('vectors of one direction have no variance to explain', () => {
    const vectors = [1, 2, 5].map((scale) => Float32Array.from([0.1, 0.7, 0.3], (value) => value * scale));
    const baselines = constantBaselines(vectors);
    expect(baselines.rho).toBeCloseTo(1, 12);
    expect(baselines.rho).toBeLessThanOrEqual(1);
    expect(fveNrm([0.5], baselines)).toBeNaN();
    expect(fveMeannorm([0.5], baselines)).toBeNaN();
    expect(() => constantBaselines([[1, NaN]])).toThrow(/row 0/);
  });

  it('1 - mse / 2, found in the wild as "FVE", is the cosine and not it', () => {
    const baselines = { rawvar: 0.7335 };
    const wrong = 0.6437;
    expect(fveNrm([wrong], baselines)).toBeCloseTo(0.03, 2);
  });
});
