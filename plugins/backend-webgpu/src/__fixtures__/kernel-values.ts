import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';

let state = 1;
/** A whole number below 2^24, the same ones in every run. */
export const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;

/** Numbers between -scale and scale, the same ones in every run. */
export const uniform = (count: number, scale = 1): Float32Array =>
  Float32Array.from({ length: count }, () => (next() / 2 ** 23 - 1) * scale);

/** Runs a kernel, for all its outputs. */
export const run = (name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor[] => {
  const result = tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(result) ? result : [result];
};

/** Runs a kernel for its first output, frees everything, and checks that nothing is left. */
export async function valuesOf(name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): Promise<Float32Array> {
  const before = tf.memory().numTensors;
  const outputs = run(name, inputs, attrs);
  const values = (await outputs[0]!.data()) as Float32Array;
  tf.dispose(outputs);
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(inputs);
  return values;
}
