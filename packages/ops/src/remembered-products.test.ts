import '@tensorflow/tfjs-backend-cpu';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { linear, recallProducts, rememberProducts, tf } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const x = (): Tensor2D => tf.tensor2d([1, -2, 3, 0.5, 4, -1], [2, 3]);
const narrow = (): Tensor2D => tf.tensor2d([1, 0, 2, -1, 1, 1], [2, 3]);
const wide = (): Tensor2D => tf.tensor2d([1, 2, 0, -1, 3, 1, 2, 2], [4, 2]);

/** Two linears: `[2, 3]`, worth keeping, and `[4, 2]`, not. */
const through = (input: Tensor, down: Tensor, up: Tensor): Tensor => linear(linear(input, down as Tensor2D), up as Tensor2D);

async function productsIn(body: () => Tensor | Tensor[]): Promise<number> {
  const { kernels, result } = await tf.profile(() => tf.tidy(body));
  tf.dispose(result);
  return kernels.filter(({ name }) => name === 'BatchMatMul').length;
}

describe('rememberProducts and recallProducts', () => {
  it('keep the results that are worth it, and repeat the run without computing them', async () => {
    const [input, down, up] = [x(), narrow(), wide()];
    const before = tf.memory().numTensors;
    const { result, products } = rememberProducts(() => tf.tidy(() => through(input, down, up)));
    expect(products.map(({ shape }) => shape)).toEqual([[2, 2]]);
    expect(await productsIn(() => recallProducts(products, () => through(input, down, up)))).toBe(1);
    expect(await productsIn(() => through(input, down, up))).toBe(2);
    const again = recallProducts(products, () => tf.tidy(() => through(input, down, up)));
    expect(await again.array()).toEqual(await result.array());
    tf.dispose([result, again, ...products]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('give the gradients of the products in all inputs', async () => {
    const inputs = [x(), narrow(), wide()] as const;
    const { products } = rememberProducts(() => through(...inputs));
    const gradients = (run: typeof through): Promise<number[][][]> =>
      Promise.all(
        tf
          .grads((...args: Tensor[]) => tf.square(run(args[0]!, args[1]!, args[2]!)))([...inputs])
          .map((g) => g.array()),
      ) as never;
    const recalled = await gradients((...args) => recallProducts(products, () => through(...args)));
    expect(recalled).toEqual(await gradients(through));
    // The kept values are what is used: with others the gradient behind them is another.
    const wrong = products.map((product) => tf.mul(product, 2));
    expect(await gradients((...args) => recallProducts(wrong, () => through(...args)))).not.toEqual(recalled);
  });

  it('refuse a second run that is not like the first', () => {
    const [input, down, up] = [x(), narrow(), wide()];
    const { products } = rememberProducts(() => through(input, down, up));
    const refused = expect.objectContaining({ code: 'E_PRODUCTS_DIFFER' });
    expect(() => recallProducts(products, () => linear(through(input, down, up), tf.ones([2, 4])))).toThrowError(refused);
    expect(() => recallProducts(products, () => tf.zeros([1]))).toThrowError(refused);
    expect(() => recallProducts(products, () => linear(input, tf.ones([1, 3])))).toThrowError(refused);
  });

  it('free what they kept when the run fails, and remember nothing after it', () => {
    const [input, down] = [x(), narrow()];
    const before = tf.memory().numTensors;
    expect(() =>
      rememberProducts(() =>
        tf.tidy(() => {
          linear(input, down);
          throw new Error('out of memory');
        }),
      ),
    ).toThrow('out of memory');
    expect(tf.memory().numTensors).toBe(before);
    tf.tidy(() => void linear(input, down));
    expect(tf.memory().numTensors).toBe(before);
  });
});
