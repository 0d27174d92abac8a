import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from '../tensorflow.js';
import { dirtyMemory } from './dirty-memory.js';
import type { TestRunner } from './test-runner.js';
import { centralDifferences, largestError, someValues, type Values } from './values.js';

/** Rows that differ from each other; the inputs repeat them. No power of two, so that an index that lost its high bits meets another row. */
export const PERIOD = 7;

/** An operation that treats every row alike, beside its reference on {@link PERIOD} rows. */
export interface RowOperation<Names extends string> {
  /** The first axis of an input holds {@link PERIOD} rows, or a multiple of them, unless it is one of `shared`. */
  readonly inputs: Readonly<Record<Names, Values>>;
  /** Inputs that all rows have in common. */
  readonly shared?: readonly Names[];
  /** The operation on tensors of `rows` rows. */
  readonly compute: (tensors: Readonly<Record<Names, Tensor>>, rows: number) => Tensor;
  /** The same in float64 on {@link PERIOD} rows. */
  readonly reference: (values: Readonly<Record<Names, Values>>) => Values;
  /** Largest error of values and of gradients by row, relative to the largest magnitude (at least 1). */
  readonly tolerance?: number;
}

/** Ways to confuse rows: the row that is taken in place of another, and the first for which it matters. */
const mistakes: readonly (readonly [string, (row: number) => number, number])[] = [
  ['the next row', (row) => row + 1, 0],
  ['rows counted in 16 bits', (row) => row & 0xffff, 0x10000],
];

/** What repeats with the rows, for `rows` of them. */
export function repeated<Data extends Float32Array | Float64Array | Int32Array>(data: Data, rows: number): Data {
  const length = (data.length / PERIOD) * rows;
  const result = new (data.constructor as new (length: number) => Data)(length);
  for (let start = 0; start < length; start += data.length) result.set(data.subarray(0, Math.min(data.length, length - start)), start);
  return result;
}

/**
 * Checks an operation at a number of rows from none to more than 16 bits count: every value and every gradient against the reference of
 * the few rows that repeat. What comes out when each row takes the place of its neighbour, when indices lose their seventeenth bit, and
 * when shared inputs gather from no more than 65535 rows, must be far from it. Nothing may leak.
 */
export async function checkRows<Names extends string>(
  { expect }: TestRunner,
  { inputs, shared = [], compute, reference, tolerance = 1e-5 }: RowOperation<Names>,
  rows: number,
): Promise<void> {
  const names = Object.keys(inputs) as Names[];
  const isShared = (name: Names): boolean => shared.includes(name);
  const small = reference(inputs);
  const cotangent = someValues(97, small.shape);
  const tensorOf = ({ shape: [extent = 0, ...rest], data }: Values, count: number): Tensor =>
    tf.tensor(repeated(Float32Array.from(data), count), [(extent / PERIOD) * count, ...rest]);
  const tensors = {} as Record<Names, Tensor>;
  for (const name of names) tensors[name] = tensorOf(inputs[name], isShared(name) ? PERIOD : rows);
  const cotangentTensor = tensorOf(cotangent, rows);
  const before = tf.memory().numTensors;
  if (rows <= 1) dirtyMemory(names.map((name) => inputs[name].data.length));

  const result = compute(tensors, rows);
  expect(tf.memory().numTensors, 'tensors after the forward pass').toBe(before + 1);
  expect(result.size, 'size of the result').toBe((small.data.length / PERIOD) * rows);
  const checkFar = (actual: ArrayLike<number>, values: Float64Array, what: string): void => {
    const width = values.length / PERIOD;
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    for (const [mistake, rowOf, from] of mistakes) {
      if (rows <= from) continue;
      let distance = 0;
      for (let at = from * width; at < rows * width; at++) {
        const wrong = values[(rowOf(Math.floor(at / width)) % PERIOD) * width + (at % width)] ?? NaN;
        distance = Math.max(distance, Math.abs((actual[at] ?? NaN) - wrong));
      }
      expect(distance / scale, `distance of ${what} from the mistake: ${mistake}`).toBeGreaterThan(20 * tolerance);
    }
  };
  const values = await result.data();
  expect(largestError(values, repeated(small.data, rows)), 'error of the values').toBeLessThan(tolerance);
  checkFar(values, small.data, 'the values');

  const gradients = tf.grads((...given: Tensor[]) => {
    const all = {} as Record<Names, Tensor>;
    names.forEach((name, index) => (all[name] = given[index] as Tensor));
    return tf.sum(tf.mul(tf.reshape(compute(all, rows), cotangentTensor.shape), cotangentTensor));
  })(names.map((name) => tensors[name]));
  expect(tf.memory().numTensors, 'tensors after the backward pass').toBe(before + 1 + names.length);
  for (const [index, name] of names.entries()) {
    const gradient = (await gradients[index]?.data()) ?? [];
    const { data } = inputs[name];
    const slopes = (count: (row: number) => number): Float64Array => {
      const width = small.data.length / PERIOD;
      const weighted = (): number =>
        reference(inputs).data.reduce((sum, value, at) => sum + count(Math.floor(at / width)) * value * (cotangent.data[at] ?? NaN), 0);
      return Float64Array.from(centralDifferences(data, [...data.keys()], weighted));
    };
    if (!isShared(name)) {
      const expected = slopes(() => 1);
      expect(largestError(gradient, repeated(expected, rows)), `error of the gradient of ${name}`).toBeLessThan(2 * tolerance);
      checkFar(gradient, expected, `the gradient of ${name}`);
      continue;
    }
    const times = (seen: number) => (row: number) => Math.floor(seen / PERIOD) + (row < seen % PERIOD ? 1 : 0);
    // Sums of so many terms in f32.
    const looser = rows > 0xffff ? 1e-3 : 2 * tolerance;
    expect(largestError(gradient, slopes(times(rows))), `error of the gradient of ${name}`).toBeLessThan(looser);
    const lost = rows > 0xffff ? 0xffff : rows + 1;
    expect(largestError(gradient, slopes(times(lost))), `distance of the gradient of ${name} from that of ${lost} rows`).toBeGreaterThan(
      20 * looser,
    );
  }
  tf.dispose([gradients, result, cotangentTensor, ...Object.values<Tensor>(tensors)]);
}
