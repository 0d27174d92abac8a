import { NlaError, type PackedWeight, type Quantizer, type RowSource } from '@nlakit/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { adaptedLinear, linear } from './linear.js';
import { tf } from './tensorflow.js';

/** Rows read at a time while packing. */
const ROWS_AT_ONCE = 1024;

/** Options of {@link plainQuantizer}. */
export interface PlainQuantizerOptions {
  /** `bf16` rounds every value to bfloat16, as a bf16 checkpoint has it; the tensor stays float32 in either case. */
  readonly dtype: 'f32' | 'bf16';
  /** Makes every weight a trainable `tf.Variable`. */
  readonly trainable?: boolean;
}

/** A weight kept as it is. If `tensor` is a variable, {@link plainQuantizer}'s `linear` is differentiable in it. */
export interface PlainWeight extends PackedWeight {
  /** `[out, in]` */
  readonly tensor: Tensor2D;
}

/** A tensor `[out, in]` as the packed weight of {@link plainQuantizer}. Takes ownership: `dispose` of the weight frees the tensor. */
export function plainWeight(tensor: Tensor2D): PlainWeight {
  return { tensor, shape: tensor.shape, bytes: tensor.size * 4, dispose: () => tensor.dispose() };
}

/** Whether a packed weight was made by {@link plainQuantizer}. */
export function isPlainWeight(weight: PackedWeight): weight is PlainWeight {
  return 'tensor' in weight;
}

/** A quantizer that does not quantise: weights are float32 tensors on the backend, four bytes per value. */
export function plainQuantizer({ dtype, trainable = false }: PlainQuantizerOptions): Quantizer {
  return {
    name: 'plain',
    record: { dtype },
    bytes: ([out, inn]) => out * inn * 4,
    async pack(rows: RowSource, [out, inn]) {
      const values = new Float32Array(out * inn);
      for (let start = 0; start < out; start += ROWS_AT_ONCE) {
        const count = Math.min(ROWS_AT_ONCE, out - start);
        values.set(await rows.read(start, count), start * inn);
      }
      if (dtype === 'bf16') roundToBfloat16(values);
      const tensor = tf.tensor2d(values, [out, inn]);
      if (!trainable) return plainWeight(tf.keep(tensor));
      const variable = tf.variable(tensor) as unknown as Tensor2D;
      tensor.dispose();
      return plainWeight(variable);
    },
    unpack: (weight) => tf.clone(tensorOf(weight)),
    linear: (x: Tensor, weight: PackedWeight) => linear(x, tensorOf(weight)),
    // A trainable weight needs a gradient of its own, which the operation in one does not have.
    ...(trainable ? {} : { adaptedLinear: (x, weight, term) => adaptedLinear(x, tensorOf(weight), term) }),
  };
}

function tensorOf(weight: PackedWeight): Tensor2D {
  if (isPlainWeight(weight)) return weight.tensor;
  throw new NlaError('E_WEIGHT_FOREIGN', {
    message: 'The plain quantizer was given a weight that another quantizer packed.',
    found: Object.keys(weight).join(', '),
    fix: 'Use the quantizer that packed the weight.',
  });
}

/** Rounds to nearest, ties to even, in place. NaN stays NaN. */
function roundToBfloat16(values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index] ?? 0;
    if ((word & 0x7fffffff) > 0x7f800000) continue;
    bits[index] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
  }
}
