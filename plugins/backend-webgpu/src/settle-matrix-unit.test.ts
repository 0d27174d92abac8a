import { describe, expect, it } from 'vitest';
import { disagreement } from './settle-matrix-unit.js';

const gives =
  (...values: number[]) =>
  () =>
    Promise.resolve(Float32Array.from(values));

describe('a product by subgroup matrices', () => {
  it('is trusted where it agrees but for the order of sums', async () => {
    expect(await disagreement(gives(1, -20, 1e-3), gives(1.00001, -20.001, 0))).toBeUndefined();
  });

  it.each<[string, () => Promise<ArrayLike<number>>, RegExp]>([
    ['is off in one result', gives(1, -20, 0.1), /^they are off by 0.005/],
    ['gives NaN', gives(1, NaN, 0), /off by NaN/],
    ['gives nothing', gives(), /off by NaN/],
    ['gives zeros', gives(0, 0, 0), /off by 1/],
    ['fails', () => Promise.reject(new Error('no such builtin\n  somewhere')), /^they failed: no such builtin$/],
  ])('is not trusted where it %s', async (_, product, reason) => {
    expect(await disagreement(product, gives(1, -20, 0))).toMatch(reason);
  });

  it('is tried first, so that the other one is what stays set', async () => {
    const order: string[] = [];
    const logged = (name: string) => () => {
      order.push(name);
      return Promise.resolve([1]);
    };
    await disagreement(logged('product'), logged('other'));
    expect(order).toEqual(['product', 'other']);
  });
});
