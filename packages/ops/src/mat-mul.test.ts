import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matMul } from './mat-mul.js';
import { tf } from './tensorflow.js';

// Values and gradients are compared by the conformance suite of backends, on every engine.
describe('matMul', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
    tf.engine().startScope();
  });
  afterAll(() => tf.engine().endScope());

  it.each([
    ['inner dimensions that differ', [2, 3], [4, 5], false],
    ['the right ones transposed', [2, 3], [3, 5], true],
    ['batches that cannot be broadcast', [2, 4, 3], [3, 3, 5], false],
    ['a vector', [3], [3, 5], false],
  ])('refuses %s', (_, a, b, transposeB) => {
    expect(() => matMul(tf.ones(a), tf.ones(b), false, transposeB)).toThrow(expect.objectContaining({ code: 'E_MATMUL_SHAPE' }) as Error);
  });

  it('multiplies a batch of none', () => {
    expect(matMul(tf.ones([0, 1, 2, 3]), tf.ones([4, 3, 5])).shape).toEqual([0, 4, 2, 5]);
  });
});
