import { NlaError } from '@nlakit/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { tf } from './tensorflow.js';

/** Products that are being remembered, or recalled: one run at a time, because a run is synchronous. */
let scope: { readonly products: Tensor[]; recalled: number | undefined } | undefined;

/**
 * Whether keeping the result of a linear `[out, in]` is cheap beside computing it again: a result takes `4 · out` bytes a row and
 * `2 · in · out` operations, so each byte saves `in / 2` of them. In Gemma-4-E2B these are the down and output projections, keys, values
 * and the per-layer gate: by their shapes 36 % of the weights that a repeated pass would multiply by, for 126 thousand values a token.
 */
export function isWorthKeeping([out, inn]: readonly [out: number, inn: number]): boolean {
  return inn > out;
}

/** Runs `run` and keeps the results of its linears that are {@link isWorthKeeping worth it}, in order. The caller disposes `products`. */
export function rememberProducts<Result>(run: () => Result): { readonly result: Result; readonly products: readonly Tensor[] } {
  const products: Tensor[] = [];
  try {
    return { result: within({ products, recalled: undefined }, run), products };
  } catch (error) {
    tf.dispose(products);
    throw error;
  }
}

/**
 * Runs again what {@link rememberProducts} has run: the kept results stand in for those linears, which are recorded for differentiation as if
 * they had been computed. Throws `E_PRODUCTS_DIFFER` if the second run is not the same as the first.
 */
export function recallProducts<Result>(products: readonly Tensor[], run: () => Result): Result {
  const recall = { products: [...products], recalled: 0 };
  const result = within(recall, run);
  if (recall.recalled !== products.length) throw different(`${recall.recalled} linears`, `${products.length}`);
  return result;
}

/**
 * The result of a linear: computed, or the one that was kept, when its run is being repeated. For the linears of quantizers; one that does
 * not ask here is computed every time.
 *
 * @param shape `[out, in]` of the weight
 * @param compute makes the product
 * @param recall makes a tensor with the values of `known` whose gradient is that of the product
 */
export function productOf(shape: readonly [out: number, inn: number], compute: () => Tensor, recall: (known: Tensor) => Tensor): Tensor {
  if (scope === undefined || !isWorthKeeping(shape)) return compute();
  if (scope.recalled === undefined) {
    const product = compute();
    scope.products.push(tf.keep(tf.clone(product)));
    return product;
  }
  const known = scope.products[scope.recalled++];
  if (known === undefined) throw different('more', `${scope.products.length} linears`);
  if (known.shape.at(-1) !== shape[0]) throw different(`a result ${shape[0]} wide`, `${known.shape.at(-1)}`);
  return recall(known);
}

function within<Result>(inner: NonNullable<typeof scope>, run: () => Result): Result {
  const outer = scope;
  scope = inner;
  try {
    return run();
  } finally {
    scope = outer;
  }
}

function different(found: string, expected: string): NlaError {
  return new NlaError('E_PRODUCTS_DIFFER', {
    message: 'A part of the pass that was run again has not computed what it computed the first time.',
    found,
    expected,
    fix: 'A segment has to be a pure function of its state: see the `Segment` of @nlakit/core.',
  });
}
