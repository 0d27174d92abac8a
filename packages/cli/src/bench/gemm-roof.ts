import type { Model, ModelSpec, Quantizer } from '@nlakit/core';
import { isWorthKeeping, tf } from '@nlakit/ops';

/** The rate of matrix products that an engine reaches, and the share of it that a step reaches. */
export interface Roof {
  /** Floating-point operations of the step, by {@link stepOperations}. */
  readonly operations: number;
  /** Operations per second of the engine's products at the shapes of the step; of the kind that is faster. */
  readonly operationsPerSecond: number;
  /** `plain`: tfjs's matMul in f32. `NF4`: the linear on packed weights, over so many rows that unpacking costs next to nothing. */
  readonly kind: 'plain' | 'NF4';
  /** (operations / seconds) / operationsPerSecond */
  readonly share: number;
}

/** Rows over which unpacking a weight costs next to nothing. */
const manyRows = 2048;
/** Shapes that are measured: those that most operations fall to. */
const measuredShapes = 4;

/**
 * Floating-point operations of the matrix products of one training step: `(4·N_linear + 2·N_again + 4·N_head + a·N_adapter) · tokens`, in which
 * N are numbers of weights, and a product of a weight matrix with t columns is 2·N·t operations. Base weights are frozen, so each is
 * multiplied by in the forward pass and once in the backward pass (for the gradient of its input). N_again are those of linears that are
 * computed again on the way back: none, or with recomputed activations all whose results were not kept. The head is never computed again. An adapter needs the gradient of its own weights as well: a = 6, and 8 where activations are computed again. The counting is the usual 6·N·T of
 * training (Kaplan et al. 2020, section 2.1) without the weight gradients that LoRA does not need. Products between tokens are left out; for
 * Gemma-4-E2B at 512 tokens they are less than 5 %.
 */
export function stepOperations(
  spec: Pick<ModelSpec, 'linears' | 'vocabularySize' | 'dModel'>,
  { tokens, trained, recomputed }: { readonly tokens: number; readonly trained: number; readonly recomputed: boolean },
): number {
  const linear = weightsOf([...spec.linears.values()]);
  const again = recomputed ? weightsOf([...spec.linears.values()].filter((shape) => !isWorthKeeping(shape))) : 0;
  const head = spec.vocabularySize * spec.dModel;
  return (4 * linear + 2 * again + 4 * head + (recomputed ? 8 : 6) * trained) * tokens;
}

/**
 * Measures the engine's own products, forward and for the gradient of the input, at the shapes of the model's linears that most operations
 * fall to, over the rows of a step; and, for a model with packed weights, its NF4 linear. The faster is the roof: some engines multiply in bf16 there only.
 */
export async function measureRoof(
  { spec }: Pick<Model, 'spec'>,
  step: {
    readonly rows: number;
    readonly tokens: number;
    readonly trained: number;
    readonly recomputed: boolean;
    readonly seconds: number;
  },
  quantizer?: Quantizer,
): Promise<Roof> {
  const operations = stepOperations(spec, step);
  const shapes = largestShapes(spec);
  const plain = await averageRate(shapes, (shape) => plainSeconds(shape, step.rows), step.rows);
  const packed = quantizer === undefined ? 0 : await averageRate(shapes, (shape) => packedSeconds(quantizer, shape), manyRows);
  const operationsPerSecond = Math.max(plain, packed);
  const share = operations / step.seconds / operationsPerSecond;
  return { operations, operationsPerSecond, kind: plain >= packed ? 'plain' : 'NF4', share };
}

interface LinearShape {
  readonly out: number;
  readonly inn: number;
  /** Weights of all linears of that shape. */
  readonly weights: number;
}

function weightsOf(shapes: readonly (readonly [out: number, inn: number])[]): number {
  return shapes.reduce((sum, [out, inn]) => sum + out * inn, 0);
}

function largestShapes({ linears }: Pick<ModelSpec, 'linears'>): LinearShape[] {
  const shapes = new Map<string, LinearShape>();
  for (const [out, inn] of linears.values()) {
    const key = `${out} ${inn}`;
    shapes.set(key, { out, inn, weights: (shapes.get(key)?.weights ?? 0) + out * inn });
  }
  return [...shapes.values()].sort((a, b) => b.weights - a.weights).slice(0, measuredShapes);
}

/** Operations per second over all shapes, each with its part of the work. `secondsOf` is one product, 2·rows·out·inn operations. */
async function averageRate(
  shapes: readonly LinearShape[],
  secondsOf: (shape: LinearShape) => Promise<number>,
  rows: number,
): Promise<number> {
  let [operations, seconds] = [0, 0];
  for (const shape of shapes) {
    const part = 2 * rows * shape.weights;
    const rate = (2 * rows * shape.out * shape.inn) / (await secondsOf(shape));
    operations += part;
    seconds += part / rate;
  }
  return operations / seconds;
}

/** Mean of the product with the weight transposed, as in the forward pass, and not, as in the backward pass. */
async function plainSeconds({ out, inn }: LinearShape, rows: number): Promise<number> {
  const weight = tf.randomUniform<tf.Rank.R2>([out, inn], -1, 1);
  const forward = tf.randomUniform<tf.Rank.R2>([rows, inn], -1, 1);
  const backward = tf.randomUniform<tf.Rank.R2>([rows, out], -1, 1);
  try {
    const one = await bestSeconds(() => tf.matMul(forward, weight, false, true));
    return (one + (await bestSeconds(() => tf.matMul(backward, weight)))) / 2;
  } finally {
    tf.dispose([weight, forward, backward]);
  }
}

async function packedSeconds(quantizer: Quantizer, { out, inn }: LinearShape): Promise<number> {
  const rows = (_start: number, count: number): Promise<Float32Array> =>
    Promise.resolve(Float32Array.from({ length: count * inn }, (_, at) => ((at * 7919) % 2000) / 1000 - 1));
  const weight = await quantizer.pack({ read: rows }, [out, inn]);
  const input = tf.randomUniform<tf.Rank.R2>([manyRows, inn], -1, 1);
  try {
    return await bestSeconds(() => quantizer.linear(input, weight) as tf.Tensor2D);
  } finally {
    input.dispose();
    weight.dispose();
  }
}

/** The faster of two products after one that does not count: a roof is what the engine can do, not what it does under other work. */
async function bestSeconds(product: () => tf.Tensor2D): Promise<number> {
  let best = Infinity;
  for (let turn = 0; turn < 3; turn++) {
    const started = performance.now();
    const result = product();
    const one = tf.slice(result, [0, 0], [1, 1]);
    await one.data();
    tf.dispose([result, one]);
    if (turn > 0) best = Math.min(best, (performance.now() - started) / 1000);
  }
  return best;
}
