import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from '../tensorflow.js';
import type { TestRunner } from './test-runner.js';
import { centralDifferences, largestError, someValues, valuesOf, type Values } from './values.js';

/** Arrays up to this size have their whole gradient checked. */
const ALL_CHECKED = 400;

/** An operation beside its reference. */
export interface Operation<Names extends string> {
  readonly inputs: Readonly<Record<Names, Values>>;
  /** The inputs whose gradient is checked; all if left out. */
  readonly differentiable?: readonly Names[];
  /** The operation on tensors. */
  readonly compute: (tensors: Readonly<Record<Names, Tensor>>) => Tensor;
  /** The same in float64. */
  readonly reference: (values: Readonly<Record<Names, Values>>) => Values;
  /** References of mistakes that somebody might make: each must be far from the result. */
  readonly mistakes?: Readonly<Record<string, (values: Readonly<Record<Names, Values>>) => Values>>;
  /** How many elements of an input that is large have their gradient checked: 30 if left out. */
  readonly samples?: number;
  /** Elements of an input whose gradient is checked besides, as a rule those that matter most. */
  readonly places?: { readonly [Name in Names]?: readonly number[] };
  /** Largest error of values and gradients, relative to the largest magnitude (at least 1). */
  readonly tolerance?: number;
}

/** Values and gradients agree with the reference, mistakes do not, each gradient alone is the same as together, nothing leaks. */
export async function checkOperation<Names extends string>(
  { expect }: TestRunner,
  { inputs, differentiable, compute, reference, mistakes = {}, samples = 30, places, tolerance = 1e-5 }: Operation<Names>,
): Promise<void> {
  const names = Object.keys(inputs) as Names[];
  const wanted = differentiable ?? names;
  const expected = reference(inputs);
  const tensors = {} as Record<Names, Tensor>;
  for (const name of names) tensors[name] = tf.tensor(Float32Array.from(inputs[name].data), [...inputs[name].shape]);
  const before = tf.memory().numTensors;

  const result = compute(tensors);
  expect(tf.memory().numTensors, 'tensors after the forward pass').toBe(before + 1);
  expect(result.size).toBe(expected.data.length);
  const actual = await result.data();
  expect(largestError(actual, expected.data), 'error of the values').toBeLessThan(tolerance);
  for (const [mistake, wrong] of Object.entries<(values: typeof inputs) => Values>(mistakes)) {
    expect(largestError(actual, wrong(inputs).data), `distance from the mistake: ${mistake}`).toBeGreaterThan(20 * tolerance);
  }

  if (wanted.length === 0) {
    tf.dispose([result, ...Object.values<Tensor>(tensors)]);
    return;
  }
  const cotangent = someValues(97, expected.shape);
  const cotangentTensor = tf.tensor(Float32Array.from(cotangent.data), result.shape);
  const held = tf.memory().numTensors;
  const gradientsOf = (asked: readonly Names[]): Tensor[] =>
    tf.grads((...given: Tensor[]) => {
      const all = { ...tensors };
      asked.forEach((name, index) => (all[name] = given[index] ?? all[name]));
      return tf.sum(tf.mul(compute(all), cotangentTensor));
    })(asked.map((name) => tensors[name]));
  const weighted = (): number => reference(inputs).data.reduce((sum, value, index) => sum + value * (cotangent.data[index] ?? NaN), 0);

  const together = gradientsOf(wanted);
  expect(tf.memory().numTensors, 'tensors after the backward pass').toBe(held + wanted.length);
  for (const [index, name] of wanted.entries()) {
    const { data } = inputs[name];
    const indices = [...sampled(data.length, samples), ...(places?.[name] ?? [])];
    const numeric = centralDifferences(data, indices, weighted);
    const values = await together[index]?.data();
    expect(
      largestError(
        indices.map((place) => values?.[place] ?? NaN),
        numeric,
      ),
      `error of the gradient of ${name}`,
    ).toBeLessThan(2 * tolerance);
    if (wanted.length === 1) break;
    const [alone] = gradientsOf([name]);
    expect(largestError((await alone?.data()) ?? [], values ?? []), `gradient of ${name} alone`).toBeLessThan(tolerance);
    alone?.dispose();
  }
  expect(tf.memory().numTensors, 'tensors after all passes').toBe(held + wanted.length);
  tf.dispose([together, result, cotangentTensor, ...Object.values<Tensor>(tensors)]);
}

/** All indices of a small array; of a large one some, spread with a stride that meets every position within a vector register, and the last. */
function sampled(size: number, samples: number): number[] {
  if (size <= ALL_CHECKED) return Array.from({ length: size }, (_, index) => index);
  const stride = Math.floor(size / samples) | 1;
  return [...Array.from({ length: samples }, (_, index) => (index * stride) % size), size - 1];
}

/** Ones and zeros from rows of text: `1` is valid, anything else is not. */
export function validityOf(...rows: readonly string[]): Values {
  const text = rows.join('');
  return valuesOf([rows.length, rows[0]?.length ?? 0], (index) => (text[index] === '1' ? 1 : 0));
}
