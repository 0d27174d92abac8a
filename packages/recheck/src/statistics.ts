import { createHash } from 'node:crypto';

/** Draws numbers in [0, 1). */
export type Uniform = () => number;

/** How an estimate's interval and test were drawn. */
export interface Draws {
  readonly bootstrap: number;
  readonly permutations: number;
}

/** xoshiro128** (Blackman and Vigna 2018), seeded with the first 16 bytes of sha256; 53 bits of two outputs for one uniform number. */
export function uniformStream(name: string): Uniform {
  const digest = createHash('sha256').update(name).digest();
  let [s0, s1, s2, s3] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [number, number, number, number];
  const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits));
  const next = () => {
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotate(s3, 11);
    return result;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function deviation(values: readonly number[]): number {
  const centre = average(values);
  return values.length === 1
    ? 0
    : Math.sqrt(values.reduce((sum, value) => sum + (value - centre) * (value - centre), 0) / (values.length - 1));
}

/** Linear interpolation between order statistics. */
export function quantileAt(sorted: ArrayLike<number>, probability: number): number {
  const place = probability * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? NaN;
  const high = sorted[Math.floor(place) + 1] ?? low;
  return low * (1 - (place - Math.floor(place))) + high * (place - Math.floor(place));
}

export function middle(values: readonly number[]): number {
  return quantileAt(
    values.slice().sort((a, b) => a - b),
    0.5,
  );
}

/** Row numbers by label, in the order in which labels first appear. */
function grouped(labels: readonly string[]): number[][] {
  const groups = new Map<string, number[]>();
  labels.forEach((label, row) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [row]);
    else group.push(row);
  });
  return [...groups.values()];
}

/**
 * A statistic of the means of columns, and of how many rows they are of, with its percentile and BCa interval; labels are resampled.
 * Sums are taken once for each label.
 */
export function resampledStatistic(
  statistic: (means: readonly number[], rows: number) => number,
  columns: readonly (readonly number[])[],
  labels: readonly string[],
  uniform: Uniform,
  times: number,
) {
  const groups = grouped(labels);
  // The last column counts rows.
  const summed = [...columns, labels.map(() => 1)].map((values) =>
    Float64Array.from(groups, (rows) => rows.reduce((sum, row) => sum + (values[row] ?? NaN), 0)),
  );
  const chosen = new Int32Array(groups.length);
  const ofChosen = (count: number) => {
    const sums = summed.map((values) => {
      let sum = 0;
      for (let at = 0; at < count; at++) sum += values[chosen[at] ?? 0] ?? NaN;
      return sum;
    });
    const rows = sums.pop() ?? NaN;
    return statistic(
      sums.map((sum) => sum / rows),
      rows,
    );
  };
  const replicates = new Float64Array(times);
  for (let time = 0; time < times; time++) {
    for (let at = 0; at < chosen.length; at++) chosen[at] = Math.floor(uniform() * groups.length);
    replicates[time] = ofChosen(groups.length);
  }
  const fill = (leftOut: number) => groups.forEach((_, group) => (chosen[group - (group > leftOut ? 1 : 0)] = group));
  fill(groups.length);
  const own = ofChosen(groups.length);
  const jackknife = groups.map((_, left) => {
    if (groups.length === 1) return own;
    fill(left);
    return ofChosen(groups.length - 1);
  });
  replicates.sort();
  return {
    value: own,
    low: quantileAt(replicates, 0.025),
    high: quantileAt(replicates, 0.975),
    bca: accelerated(replicates, own, jackknife),
  };
}

/** The mean with its intervals. */
export function resampled(values: readonly number[], labels: readonly string[], uniform: Uniform, times: number) {
  return resampledStatistic(([mean = NaN]) => mean, [values], labels, uniform, times);
}

/** Two-sided sign-flip test; rows of a label flip together. All assignments where there are not more than draws. */
function flipped(values: readonly number[], labels: readonly string[], uniform: Uniform, times: number) {
  const sums = Float64Array.from(grouped(labels), (rows) => rows.reduce((sum, row) => sum + (values[row] ?? NaN), 0));
  const exact = sums.length < 31 && 2 ** sums.length <= times;
  const observed = Math.abs(sums.reduce((a, b) => a + b, 0)) - 1e-12 * sums.reduce((a, b) => a + Math.abs(b), 0);
  const draws = exact ? 2 ** sums.length : times;
  let hits = exact ? 0 : 1;
  for (let time = 0; time < draws; time++) {
    let total = 0;
    for (let group = 0; group < sums.length; group++) {
      const flip = exact ? ((time >>> group) & 1) === 1 : uniform() < 0.5;
      const sum = sums[group] ?? NaN;
      total += flip ? -sum : sum;
    }
    if (Math.abs(total) >= observed) hits++;
  }
  return { p: hits / (exact ? draws : draws + 1), exact };
}

/** A mean that is tested against zero. */
export function effect(values: readonly number[], labels: readonly string[], uniform: Uniform, { bootstrap, permutations }: Draws) {
  const interval = resampled(values, labels, uniform, bootstrap);
  const test = flipped(values, labels, uniform, permutations);
  const sd = deviation(values);
  const dZ = interval.value === 0 ? 0 : sd <= 1e-14 * Math.abs(interval.value) ? null : interval.value / sd;
  return { ...interval, n: values.length, sd, ...test, dZ };
}

/**
 * `times` random orders of the rows in which those of a document stay together: `result[row]` is the row that it gets something from.
 */
export function exchanges(labels: readonly string[], uniform: Uniform, times: number): Int32Array[] {
  const places = grouped(labels);
  const targets = places.flat();
  const mixed = <Item>(items: readonly Item[]) => {
    const order = items.slice();
    for (let last = order.length - 1; last > 0; last--) {
      const other = Math.floor(uniform() * (last + 1));
      const kept = order[last] as Item;
      order[last] = order[other] as Item;
      order[other] = kept;
    }
    return order;
  };
  return Array.from({ length: times }, () => {
    const result = new Int32Array(labels.length);
    let place = 0;
    for (const block of mixed(places)) for (const donor of mixed(block)) result[targets[place++] ?? 0] = donor;
    return result;
  });
}

/** One-sided permutation p and the draws' mean; null for z where the draws do not vary. */
export function against(observed: number, draws: readonly number[]) {
  const slack = 1e-9 * Math.max(1, Math.abs(observed));
  const reached = draws.filter((value) => value >= observed - slack).length;
  const [chance, sd] = [average(draws), deviation(draws)];
  return { chance, p: (reached + 1) / (draws.length + 1), z: sd <= slack ? null : (observed - chance) / sd };
}

/** A share with its Wilson interval. */
export function scored(hits: number, trials: number) {
  const z = normalAt(0.975);
  const share = hits / trials;
  const half = (z * Math.sqrt(trials * share * (1 - share) + (z * z) / 4)) / (trials + z * z);
  const centre = (hits + (z * z) / 2) / (trials + z * z);
  return { value: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Holm's correction: each adjusted p is the largest of (tests with a p at least as large) x p over the p values up to it. */
export function stepDown(ps: readonly number[]): number[] {
  return ps.map((p) =>
    Math.min(1, Math.max(...ps.filter((other) => other <= p).map((other) => ps.filter((third) => third >= other).length * other))),
  );
}

function accelerated(replicates: Float64Array, own: number, jackknife: readonly number[]) {
  const slack = 1e-12 * Math.abs(own);
  const below = replicates.filter((value) => value < own - slack).length;
  const level = replicates.filter((value) => Math.abs(value - own) <= slack).length;
  const count = replicates.length;
  const z0 = normalAt(Math.max(0.5, Math.min(count - 0.5, below + level / 2)) / count);
  const centre = average(jackknife);
  const squares = jackknife.reduce((sum, value) => sum + (centre - value) ** 2, 0);
  const a = squares === 0 ? 0 : jackknife.reduce((sum, value) => sum + (centre - value) ** 3, 0) / 6 / squares ** 1.5;
  const end = (z: number) => quantileAt(replicates, normalBelow(z0 + (z0 + z) / (1 - a * (z0 + z))));
  return { low: end(normalAt(0.025)), high: end(normalAt(0.975)) };
}

/** Normal distribution function by its Taylor series about 0. */
function normalBelow(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

function normalAt(probability: number): number {
  let [low, high] = [-8, 8];
  for (let halving = 0; halving < 100; halving++) {
    const centre = (low + high) / 2;
    if (normalBelow(centre) < probability) low = centre;
    else high = centre;
  }
  return (low + high) / 2;
}
