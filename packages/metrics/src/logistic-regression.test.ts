import { describe, expect, it } from 'vitest';
import { fitLogisticRegression } from './logistic-regression.js';

let state = 3;
const uniform = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
/** Sums of twelve uniform numbers are near enough to normal. */
const random = {
  normal: () => Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, -6),
  integer: (bound: number) => Math.floor(uniform() * bound),
};

/** Three clouds in the plane of the first two of four features. */
function clouds(rows: number, spread: number) {
  const centres = [
    [2, 0],
    [-1, 2],
    [-1, -2],
  ];
  const features = new Float32Array(rows * 4);
  const labels = new Int32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const label = row % 3;
    labels[row] = label;
    for (let f = 0; f < 4; f += 1) features[row * 4 + f] = (centres[label]?.[f] ?? 0) + spread * random.normal();
  }
  return { features, labels, width: 4 };
}

const accuracy = (found: Int32Array, labels: Int32Array): number =>
  labels.filter((label, row) => found[row] === label).length / labels.length;

describe('fitLogisticRegression', () => {
  it('separates what is separable, on rows it has not seen, whatever the scale of the features', () => {
    const training = clouds(300, 0.5);
    const test = clouds(300, 0.5);
    const stretched = (features: Float32Array) => features.map((value, index) => (index % 4 === 0 ? 1e4 * value + 7 : value));
    const plain = fitLogisticRegression(training, { classes: 3, l2: 1e-3 });
    const scaled = fitLogisticRegression({ ...training, features: stretched(training.features) }, { classes: 3, l2: 1e-3 });
    expect(accuracy(plain.predict(test.features), test.labels)).toBeGreaterThan(0.97);
    expect(accuracy(scaled.predict(stretched(test.features)), test.labels)).toBeGreaterThan(0.97);
    expect(scaled.objective).toBeCloseTo(plain.objective, 4);
  });

  it('reaches the minimum of its objective', () => {
    const fit = fitLogisticRegression(clouds(90, 1.5), { classes: 3, l2: 1e-2 });
    expect(fit.gradientSize).toBeLessThan(1e-5);
  });

  it('knows nothing about labels that are noise', () => {
    const training = clouds(300, 1);
    const test = clouds(3000, 1);
    const fit = fitLogisticRegression({ ...training, labels: training.labels.map(() => random.integer(3)) }, { classes: 3, l2: 1e-3 });
    const found = accuracy(
      fit.predict(test.features),
      test.labels.map(() => random.integer(3)),
    );
    expect(Math.abs(found - 1 / 3)).toBeLessThan(0.04);
  });

  it('finds the known optimum for two points: equal margins, gradient zero', () => {
    // One feature, standardised to -1 and 1; by symmetry the class weights are w and -w with
    // w = sigmoid(-4 w / 2 ... ): l2 w = (1 - p) with p = 1 / (1 + exp(-2 w)) and x = 1.
    const fit = fitLogisticRegression({ features: Float32Array.of(0, 10), labels: Int32Array.of(0, 1), width: 1 }, { classes: 2, l2: 0.1 });
    let w = 1;
    for (let step = 0; step < 200; step += 1) w += 0.5 * (1 / (1 + Math.exp(2 * w)) - 0.1 * w);
    expect(fit.objective).toBeCloseTo(Math.log(1 + Math.exp(-2 * w)) + 0.1 * w * w, 8);
  });
});
