import { describe, expect, it } from 'vitest';
import reference from './__fixtures__/reference.json' with { type: 'json' };
import {
  bootstrapMeanIntervals,
  bootstrapStatistic,
  cohenDZ,
  constantBaselines,
  holm,
  linearTrend,
  mean,
  pairedTrend,
  signFlipTest,
  standardDeviation,
  wilsonInterval,
} from './index.js';
import type { BootstrapEstimate } from './index.js';
import { generator } from './__fixtures__/random.js';
import { normalProbability, normalQuantile, studentQuantile, studentTwoSidedP } from './special-functions.js';

/** Draws the given numbers out of `count`. */
function replay(drawn: readonly number[], count: number): () => number {
  let next = 0;
  return () => ((drawn[next++] ?? NaN) + 0.5) / count;
}

function correlation(first: readonly number[], second: readonly number[], rows: readonly number[]): number {
  const [one, two] = [first, second].map((values) => rows.map((row) => values[row] ?? NaN)) as [number[], number[]];
  const product = mean(one.map((value, index) => (value - mean(one)) * ((two[index] ?? NaN) - mean(two))));
  const spread = (values: number[]) => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  return product / spread(one) / spread(two);
}

interface ReferenceIntervals {
  readonly percentile: number[];
  readonly bca: number[];
  readonly standardError: number;
}

function expectSame(found: BootstrapEstimate, expected: ReferenceIntervals): void {
  expect(found.low).toBeCloseTo(expected.percentile[0] ?? NaN, 10);
  expect(found.high).toBeCloseTo(expected.percentile[1] ?? NaN, 10);
  expect(found.bca.low).toBeCloseTo(expected.bca[0] ?? NaN, 10);
  expect(found.bca.high).toBeCloseTo(expected.bca[1] ?? NaN, 10);
  expect(found.standardError).toBeCloseTo(expected.standardError, 10);
}

describe('bootstrap intervals', () => {
  const { lsat, gpa, drawn, confidence } = reference.lawSchool;
  const resamples = drawn.length / lsat.length;

  it('the law schools of Efron and Tibshirani, draw by draw as SciPy', () => {
    const random = replay(drawn, lsat.length);
    const found = bootstrapStatistic(lsat.length, (rows) => correlation(lsat, gpa, rows), { random, resamples, confidence });
    expect(found.value).toBeCloseTo(0.776, 3); // published
    expect(found.value).toBeCloseTo(reference.lawSchool.correlation, 12);
    expectSame(found, reference.lawSchool);
  });

  it('a wrong pairing, and BCa without acceleration or without bias, are not taken for it', () => {
    const turned = [...gpa.slice(1), gpa[0] ?? NaN];
    const wrong = bootstrapStatistic(lsat.length, (rows) => correlation(lsat, turned, rows), {
      random: replay(drawn, lsat.length),
      resamples,
      confidence,
    });
    expect(() => expectSame(wrong, reference.lawSchool)).toThrow();
    const right = bootstrapStatistic(lsat.length, (rows) => correlation(lsat, gpa, rows), {
      random: replay(drawn, lsat.length),
      resamples,
      confidence,
    });
    expect(Math.abs(right.acceleration)).toBeGreaterThan(0.02);
    expect(Math.abs(right.bias)).toBeGreaterThan(0.02);
    expect(() => expectSame({ ...right, bca: { low: right.low, high: right.high } }, reference.lawSchool)).toThrow();
  });

  it('a skewed mean, and the mean of clusters, as SciPy', () => {
    const { skewed, clustered } = reference;
    expectSame(
      bootstrapMeanIntervals(skewed.values, {
        random: replay(skewed.drawn, skewed.values.length),
        resamples: skewed.drawn.length / skewed.values.length,
      }),
      skewed,
    );
    const { values, clusters } = clustered;
    const documents = new Set(clusters).size;
    const options = () => ({
      random: replay(clustered.drawn, documents),
      resamples: clustered.drawn.length / documents,
      clusters,
    });
    expectSame(bootstrapMeanIntervals(values, options()), clustered);
    // The same through the general way, which leaves out and draws whole documents too.
    const byRows = bootstrapStatistic(values.length, (rows) => mean(rows.map((row) => values[row] ?? NaN)), options());
    expectSame(byRows, clustered);
    expect(() =>
      expectSame(bootstrapMeanIntervals(values, { ...options(), clusters: clusters.map((_, row) => `${row}`) }), clustered),
    ).toThrow();
  });

  it('the spatial test of Efron and Tibshirani, section 14.3: a = .061, z0 near .146, BCa (115.8, 259.6), percentile (100.8, 233.9)', () => {
    const values = [48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41];
    const variance = (rows: readonly number[]) => {
      const drawn = rows.map((row) => values[row] ?? NaN);
      return mean(drawn.map((value) => (value - mean(drawn)) ** 2));
    };
    const found = bootstrapStatistic(values.length, variance, { random: generator(4), resamples: 4000, confidence: 0.9 });
    expect(found.value).toBeCloseTo(171.5, 1);
    expect(found.acceleration).toBeCloseTo(0.061, 3);
    // Theirs and ours are different random draws.
    expect(Math.abs(found.bias - 0.146)).toBeLessThan(0.06);
    for (const [mine, theirs] of [
      [found.bca.low, 115.8],
      [found.bca.high, 259.6],
      [found.low, 100.8],
      [found.high, 233.9],
    ] as const) {
      expect(Math.abs(mine - theirs)).toBeLessThan(6);
    }
  });
});

describe('sign flips', () => {
  it("Fisher's test of Darwin's maize: 1726 of 32768 assignments, 5.267 per cent", () => {
    const [maize, ties] = reference.signFlips;
    const found = signFlipTest(maize?.differences ?? [], { random: generator(1), permutations: 2 ** 15 });
    expect(found).toEqual({ p: 1726 / 32768, exact: true, permutations: 32768 });
    expect(found.p).toBeCloseTo(maize?.p ?? NaN, 12);
    expect(cohenDZ(maize?.differences ?? [])).toBeCloseTo(maize?.dZ ?? NaN, 12);
    const withTies = signFlipTest(ties?.differences ?? [], { random: generator(1) });
    expect(withTies).toMatchObject({ p: ties?.p, exact: true });
    expect(cohenDZ(ties?.differences ?? [])).toBeCloseTo(ties?.dZ ?? NaN, 12);
  });

  it('drawn at random it is near that, with the observed assignment counted', () => {
    const differences = reference.signFlips[0]?.differences ?? [];
    const found = signFlipTest(differences, { random: generator(3), permutations: 5000 });
    expect(found).toMatchObject({ exact: false, permutations: 5000 });
    expect(Math.abs(found.p - 1726 / 32768)).toBeLessThan(0.012);
    expect(Number.isInteger(Math.round(found.p * 5001 * 1e6) / 1e6)).toBe(true);
  });

  it('one side, no ties, or a population standard deviation would be seen', () => {
    const differences = reference.signFlips[0]?.differences ?? [];
    const total = differences.reduce((sum, value) => sum + value, 0);
    let [above, reached] = [0, 0];
    for (let signs = 0; signs < 2 ** 15; signs += 1) {
      const sum = differences.reduce((part, value, index) => part + ((signs >>> index) & 1 ? -value : value), 0);
      if (sum >= total) reached += 1;
      if (Math.abs(sum) > total) above += 1;
    }
    expect([reached, above]).toEqual([863, 1670]);
    const wrongDZ = mean(differences) / (standardDeviation(differences) * Math.sqrt(14 / 15));
    expect(wrongDZ).not.toBeCloseTo(reference.signFlips[0]?.dZ ?? NaN, 3);
  });
});

describe('Holm and Wilson', () => {
  it('Holm as statsmodels, and by hand', () => {
    const found = holm(reference.holm.p);
    found.forEach((p, index) => expect(p).toBeCloseTo(reference.holm.adjusted[index] ?? NaN, 12));
    [0.03, 0.06, 0.06, 0.02].forEach((p, index) => expect(holm([0.01, 0.04, 0.03, 0.005])[index]).toBeCloseTo(p, 12));
    // Bonferroni, and Holm without the running maximum, give .04, .16, .12, .02 and .03, .04, .06, .02.
    expect(holm([])).toEqual([]);
    expect(() => holm([0.1, NaN])).toThrow(/index 1/);
    expect(() => holm([1.2])).toThrow(/p-value/);
  });

  it('Wilson as statsmodels, and as in table 1 of Newcombe 1998', () => {
    for (const { successes, trials, confidence, ends } of reference.wilson) {
      const found = wilsonInterval(successes, trials, confidence);
      expect(found.low).toBeCloseTo(ends[0] ?? NaN, 12);
      expect(found.high).toBeCloseTo(ends[1] ?? NaN, 12);
    }
    const published = [
      [81, 263, '0.2553', '0.3662'],
      [15, 148, '0.0624', '0.1605'],
      [0, 20, '0.0000', '0.1611'],
      [1, 29, '0.0061', '0.1718'],
    ] as const;
    for (const [successes, trials, low, high] of published) {
      const found = wilsonInterval(successes, trials);
      expect([found.low.toFixed(4), found.high.toFixed(4)]).toEqual([low, high]);
      const share = successes / trials;
      const wald = 1.96 * Math.sqrt((share * (1 - share)) / trials);
      expect([Math.max(0, share - wald).toFixed(4), (share + wald).toFixed(4)]).not.toEqual([low, high]);
    }
  });
});

describe('trends', () => {
  it('as SciPy, and as R prints for its data set cars', () => {
    for (const line of reference.lines) {
      const found = linearTrend(line.x, line.y);
      for (const name of ['low', 'high', 'intercept', 'standardError', 'rSquared'] as const) {
        expect(found[name], name).toBeCloseTo(line[name], 10);
      }
      expect(found.value).toBeCloseTo(line.slope, 12);
      expect(found.p / line.p).toBeCloseTo(1, 8);
    }
    const cars = reference.lines[0];
    const found = linearTrend(cars?.x ?? [], cars?.y ?? []);
    expect([found.value.toFixed(4), found.standardError.toFixed(4), found.intercept.toFixed(4)]).toEqual(['3.9324', '0.4155', '-17.5791']);
    expect(found).toMatchObject({ degreesOfFreedom: 48 });
    expect(found.p.toExponential(2)).toBe('1.49e-12');
    // A normal quantile, or n - 1 degrees of freedom, would be seen.
    const normalEnd = found.value + 1.959964 * found.standardError;
    expect(normalEnd).not.toBeCloseTo(cars?.high ?? NaN, 2);
  });

  it('row by row: slopes as SciPy, and their mean is the slope of the means', () => {
    const { steps, rows, slopes, ofMeans } = reference.pairedTrend;
    const found = pairedTrend(steps, rows, { random: generator(1) });
    expect(found.value).toBeCloseTo(mean(slopes), 14);
    expect(found.value).toBeCloseTo(ofMeans.slope, 12);
    expect(found.intercept).toBeCloseTo(ofMeans.intercept, 12);
    expect(found.sd).toBeCloseTo(standardDeviation(slopes), 14);
    expect(found.dZ).toBeCloseTo(cohenDZ(slopes), 10);
    expect(found).toMatchObject({ n: 12, exact: true, p: signFlipTest(slopes, { random: generator(1) }).p });
  });
});

describe('distributions and the reference set', () => {
  it('normal and t as SciPy', () => {
    for (const { x, probability } of reference.normal) {
      expect(normalProbability(x)).toBeCloseTo(probability, 14);
      expect(normalQuantile(probability)).toBeCloseTo(x, 9);
    }
    for (const { df, t, p, quantile } of reference.student) {
      expect(studentTwoSidedP(t, df) / p).toBeCloseTo(1, 10);
      expect(studentQuantile(0.975, df)).toBeCloseTo(quantile, 9);
    }
  });

  it('rho, variance and hash as NumPy', () => {
    const { vectors, sha256, rho, rawvar } = reference.referenceSet;
    const found = constantBaselines(vectors);
    expect(found.rho).toBeCloseTo(rho, 12);
    expect(found.rawvar).toBeCloseTo(rawvar, 12);
    expect(found).toMatchObject({ n: 5, referenceHash: sha256 });
    expect(constantBaselines(vectors.map((vector) => Float32Array.from(vector))).referenceHash).toBe(sha256);
    // Another order, one row less, or another last bit is another reference set.
    const [first = [], second = [], ...rest] = vectors;
    for (const other of [
      [second, first, ...rest],
      [second, ...rest],
      [[...first.slice(0, -1), 1], second, ...rest],
    ]) {
      expect(constantBaselines(other).referenceHash).not.toBe(sha256);
    }
  });
});
