import { readValues, type tf } from '@nlakit/ops';

/** Sums the gradients of several micro-batches in host memory, in the order they are added. */
export interface GradientSum {
  /** Adds a gradient of the variable of that name, in f32. */
  add(name: string, gradient: tf.Tensor): Promise<void>;
  /** Makes the sum for a variable that nothing has been added for yet zeros. */
  addNothing(name: string, size: number): void;
  /** The sums so far, to be changed in place if need be. */
  readonly total: ReadonlyMap<string, Float32Array>;
  /** Begins anew. The arrays are used again, so what was in `total` before is lost. */
  clear(): void;
}

/** An empty {@link GradientSum}. */
export function createGradientSum(): GradientSum {
  const total = new Map<string, Float32Array>();
  // Fresh memory costs as much as what is done in it, so the arrays stay from step to step.
  const arrays = new Map<string, Float32Array>();
  const begin = (name: string, size: number): Float32Array => {
    let array = arrays.get(name);
    if (array?.length !== size) arrays.set(name, (array = new Float32Array(size)));
    total.set(name, array);
    return array;
  };
  return {
    total,
    async add(name, gradient) {
      const sum = total.get(name);
      await readValues(gradient, sum ?? begin(name, gradient.size), sum !== undefined);
    },
    addNothing(name, size) {
      if (!total.has(name)) begin(name, size).fill(0);
    },
    clear: () => {
      total.clear();
    },
  };
}
