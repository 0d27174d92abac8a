/** Sums the gradients of several micro-batches in host memory, in the order they are added. */
export interface GradientSum {
  /** Takes the arrays over. */
  add(gradients: ReadonlyMap<string, Float32Array>): void;
  /** The sums so far, to be changed in place if need be. */
  readonly total: ReadonlyMap<string, Float32Array>;
  clear(): void;
}

/** An empty {@link GradientSum}. */
export function createGradientSum(): GradientSum {
  const total = new Map<string, Float32Array>();
  return {
    total,
    add(gradients) {
      for (const [name, gradient] of gradients) {
        const sum = total.get(name);
        if (sum === undefined) {
          total.set(name, gradient);
          continue;
        }
        for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] ?? 0) + (gradient[index] ?? 0);
      }
    },
    clear: () => {
      total.clear();
    },
  };
}
