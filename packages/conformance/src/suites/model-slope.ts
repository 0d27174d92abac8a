import { tf } from '@nlakit/ops';
import { check } from '../check.js';
import { mulberry32 } from '../mulberry32.js';

/** How far the slope of a loss in f32 may be from what its gradient says, relative to the steepest slope. */
const tolerance = 0.03;

/** What f32 makes of the difference of two losses of a few nats. */
const rounding = 1e-6;

/**
 * Compares gradients with differences of the loss along lines: down the gradient itself of all tensors and of each alone, and in a random
 * direction. A gradient that is too small, too large, or lacks a part differs in one of them.
 */
export async function checkSlope(
  at: Readonly<Record<string, tf.Tensor>>,
  loss: (tensors: Readonly<Record<string, tf.Tensor>>) => tf.Scalar,
): Promise<void> {
  const names = Object.keys(at);
  const named = (tensors: readonly tf.Tensor[]): Record<string, tf.Tensor> =>
    Object.fromEntries(names.map((name, index) => [name, tensors[index] as tf.Tensor]));
  const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => loss(named(tensors)))(Object.values(at));
  const gradients = await Promise.all(grads.map(async (gradient) => (await gradient.data()) as Float32Array));
  tf.dispose([value, ...grads]);
  const steepest = Math.hypot(...gradients.map((values) => Math.hypot(...values)));
  check(Number.isFinite(steepest) && steepest > 0, 'The gradient is zero or no number.', String(steepest));

  const random = mulberry32(3);
  const noise = gradients.map((values) => values.map(() => 2 * random() - 1));
  const directions: [string, Float32Array[]][] = [
    ['down the gradient', gradients],
    ['in a random direction', noise],
  ];
  if (names.length > 1) {
    for (const [index, name] of names.entries()) {
      directions.push([`down the gradient in ${name}`, gradients.map((values, other) => (other === index ? values : values.map(() => 0)))]);
    }
  }
  for (const [what, direction] of directions) {
    const length = Math.hypot(...direction.map((values) => Math.hypot(...values)));
    if (length === 0) continue;
    const expected =
      direction.reduce(
        (sum, values, index) => sum + values.reduce((total, value, place) => total + value * (gradients[index]?.[place] ?? NaN), 0),
        0,
      ) / length;
    const lossAt = async (step: number): Promise<number> => {
      const result = tf.tidy(() => {
        const moved = names.map((name, index) => {
          const tensor = at[name] as tf.Tensor;
          return tf.add(tensor, tf.mul(tf.tensor(direction[index] ?? [], tensor.shape), step / length));
        });
        return loss(named(moved));
      });
      const [number = NaN] = await result.data();
      result.dispose();
      return number;
    };
    // One of the steps is wide enough that the rounding of f32 does not show, and narrow enough that the curve does not.
    const allowed = tolerance * Math.max(steepest / 10, Math.abs(expected));
    const excess: number[] = [];
    for (const step of [3e-2, 1e-2, 3e-3, 1e-3]) {
      const error = Math.abs(((await lossAt(step)) - (await lossAt(-step))) / (2 * step) - expected);
      excess.push(error - allowed - rounding / step);
      if ((excess.at(-1) ?? NaN) <= 0) break;
    }
    check(
      excess.some((error) => error <= 0),
      `The slope of the loss ${what} is another than the gradient says.`,
      `off by ${Math.min(...excess).toPrecision(3)}`,
      `${expected.toPrecision(4)}`,
    );
  }
}
