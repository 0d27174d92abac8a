/** Rows of features with the class of each. */
export interface LabelledRows {
  /** `[rows, features]`, row-major. */
  readonly features: Float32Array;
  /** Class of each row, from 0. */
  readonly labels: Int32Array;
  readonly width: number;
}

/** A fitted linear classifier on standardised features. */
export interface LinearClassifier {
  /** The most probable class of every row. */
  predict(features: Float32Array): Int32Array;
  /** Objective at the end of the fit: mean cross-entropy plus penalty. */
  readonly objective: number;
  /** Largest absolute element of the gradient at the end of the fit. */
  readonly gradientSize: number;
}

/** Settings of {@link fitLogisticRegression}. */
export interface LogisticRegressionOptions {
  readonly classes: number;
  /** The penalty is `l2 / 2 · |W|²`; biases are free. */
  readonly l2: number;
  /** Largest number of L-BFGS iterations, 300. */
  readonly iterations?: number;
}

/**
 * Multinomial logistic regression on features standardised by the training rows, minimised by L-BFGS with a backtracking line search
 * (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1). The objective is convex, so the result does not depend on
 * the way there. Everything in f64.
 */
export function fitLogisticRegression(rows: LabelledRows, options: LogisticRegressionOptions): LinearClassifier {
  const { classes, l2 } = options;
  const { width, labels } = rows;
  const count = labels.length;
  const { mean, deviation } = moments(rows.features, width);
  const x = standardise(rows.features, width, mean, deviation);
  const size = classes * (width + 1);

  const evaluate = (w: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    const scores = new Float64Array(classes);
    for (let row = 0; row < count; row += 1) {
      const at = row * width;
      linearScores(w, x, at, width, scores);
      const label = labels[row] ?? 0;
      const largest = Math.max(...scores);
      let sum = 0;
      for (let c = 0; c < classes; c += 1) sum += Math.exp((scores[c] ?? 0) - largest);
      loss += Math.log(sum) + largest - (scores[label] ?? 0);
      for (let c = 0; c < classes; c += 1) {
        const slope = (Math.exp((scores[c] ?? 0) - largest) / sum - (c === label ? 1 : 0)) / count;
        const base = c * (width + 1);
        for (let f = 0; f < width; f += 1) gradient[base + f] = (gradient[base + f] ?? 0) + slope * (x[at + f] ?? 0);
        gradient[base + width] = (gradient[base + width] ?? 0) + slope;
      }
    }
    loss /= count;
    for (let index = 0; index < size; index += 1) {
      if (index % (width + 1) === width) continue;
      const value = w[index] ?? 0;
      loss += 0.5 * l2 * value * value;
      gradient[index] = (gradient[index] ?? 0) + l2 * value;
    }
    return loss;
  };

  const { point, objective, gradientSize } = minimise(evaluate, size, options.iterations ?? 300);
  return {
    objective,
    gradientSize,
    predict(features) {
      const standardised = standardise(features, width, mean, deviation);
      const scores = new Float64Array(classes);
      return Int32Array.from({ length: features.length / width }, (_, row) => {
        linearScores(point, standardised, row * width, width, scores);
        return scores.indexOf(Math.max(...scores));
      });
    },
  };
}

function linearScores(w: Float64Array, x: Float64Array, at: number, width: number, scores: Float64Array): void {
  for (let c = 0; c < scores.length; c += 1) {
    const base = c * (width + 1);
    let score = w[base + width] ?? 0;
    for (let f = 0; f < width; f += 1) score += (w[base + f] ?? 0) * (x[at + f] ?? 0);
    scores[c] = score;
  }
}

function moments(features: Float32Array, width: number): { mean: Float64Array; deviation: Float64Array } {
  const rows = features.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let index = 0; index < features.length; index += 1) {
    mean[index % width] = (mean[index % width] ?? 0) + (features[index] ?? 0) / rows;
  }
  for (let index = 0; index < features.length; index += 1) {
    const distance = (features[index] ?? 0) - (mean[index % width] ?? 0);
    deviation[index % width] = (deviation[index % width] ?? 0) + (distance * distance) / rows;
  }
  return { mean, deviation: deviation.map((variance) => (variance > 0 ? Math.sqrt(variance) : 1)) };
}

function standardise(features: Float32Array, width: number, mean: Float64Array, deviation: Float64Array): Float64Array {
  const result = new Float64Array(features.length);
  for (let index = 0; index < features.length; index += 1) {
    result[index] = ((features[index] ?? 0) - (mean[index % width] ?? 0)) / (deviation[index % width] ?? 1);
  }
  return result;
}

/** L-BFGS from zero with ten remembered steps. */
function minimise(
  evaluate: (point: Float64Array, gradient: Float64Array) => number,
  size: number,
  iterations: number,
): { point: Float64Array; objective: number; gradientSize: number } {
  let point = new Float64Array(size);
  let gradient = new Float64Array(size);
  let value = evaluate(point, gradient);
  const memory: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  const largest = (vector: Float64Array): number => vector.reduce((most, element) => Math.max(most, Math.abs(element)), 0);

  for (let iteration = 0; iteration < iterations && largest(gradient) > 1e-6; iteration += 1) {
    const direction = twoLoop(gradient, memory);
    const slope = dot(direction, gradient);
    let step = 1;
    let next = point;
    let nextGradient = gradient;
    let nextValue = Infinity;
    while (step > 1e-12) {
      const length = step;
      next = point.map((element, index) => element + length * (direction[index] ?? 0));
      nextGradient = new Float64Array(size);
      nextValue = evaluate(next, nextGradient);
      if (nextValue <= value + 1e-4 * step * slope) break;
      step /= 2;
    }
    if (!(nextValue < value)) break;
    const s = next.map((element, index) => element - (point[index] ?? 0));
    const y = nextGradient.map((element, index) => element - (gradient[index] ?? 0));
    const curvature = dot(s, y);
    if (curvature > 1e-12) {
      memory.push({ s, y, rho: 1 / curvature });
      if (memory.length > 10) memory.shift();
    }
    point = next;
    gradient = nextGradient;
    value = nextValue;
  }
  return { point, objective: value, gradientSize: largest(gradient) };
}

function twoLoop(gradient: Float64Array, memory: readonly { s: Float64Array; y: Float64Array; rho: number }[]): Float64Array {
  const q = gradient.map((element) => -element);
  const alphas: number[] = [];
  for (const { s, y, rho } of [...memory].reverse()) {
    const alpha = rho * dot(s, q);
    alphas.push(alpha);
    for (let index = 0; index < q.length; index += 1) q[index] = (q[index] ?? 0) - alpha * (y[index] ?? 0);
  }
  const last = memory.at(-1);
  const scale = last === undefined ? 1 : 1 / (last.rho * dot(last.y, last.y));
  for (let index = 0; index < q.length; index += 1) q[index] = (q[index] ?? 0) * scale;
  for (const { s, y, rho } of memory) {
    const correction = (alphas.pop() ?? 0) - rho * dot(y, q);
    for (let index = 0; index < q.length; index += 1) q[index] = (q[index] ?? 0) + correction * (s[index] ?? 0);
  }
  return q;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < one.length; index += 1) sum += (one[index] ?? 0) * (other[index] ?? 0);
  return sum;
}
