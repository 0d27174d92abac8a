import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { defineDomainKernel } from './domain-kernel.js';
import { tf } from './tensorflow.js';

/** The 16 values of NF4, exact in float32 (QLoRA, arXiv 2305.14314, appendix E; bitsandbytes). */
export const NF4_VALUES: Readonly<Float32Array> = Float32Array.of(
  -1.0,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0.0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1.0,
);

const nf4UnpackKernel = defineDomainKernel<{ codes: Tensor1D; absmax: Tensor1D }, { blockSize: number; shape: readonly number[] }>({
  name: 'NlaNf4Unpack',
  // Through host memory: tfjs has no integer shift that every backend supports. Needs a backend that can read synchronously.
  compose({ inputs: { codes, absmax }, attrs: { blockSize, shape } }) {
    const words = codes.dataSync<'int32'>();
    const scales = absmax.dataSync<'float32'>();
    const [rows = 0, columns = 0] = shape;
    const values = new Float32Array(rows * columns);
    for (let index = 0; index < values.length; index++) {
      // Byte j of a little-endian word holds elements 2j (high nibble) and 2j + 1 (low nibble).
      const shift = ((index & 7) >> 1) * 8 + ((index & 1) === 0 ? 4 : 0);
      const code = ((words[index >> 3] ?? 0) >>> shift) & 15;
      values[index] = (NF4_VALUES[code] ?? 0) * (scales[Math.floor(index / blockSize)] ?? 0);
    }
    return tf.tensor2d(values, [rows, columns]);
  },
});

/** What {@link nf4Unpack} needs. */
export interface Nf4UnpackOptions {
  /** `[n / 8]` int32: the packed bytes in file order, four at a time as a little-endian word. */
  readonly codes: Tensor1D;
  /** `[n / blockSize]`, the largest magnitude of every block of the flat weight. */
  readonly absmax: Tensor1D;
  readonly blockSize: number;
  /** `n` is at least `out * in`; what is beyond is padding. */
  readonly shape: readonly [out: number, inn: number];
}

/** An NF4 weight as f32 `[out, in]`: `value[code] * absmax[block]`, blocks run over the flat weight. Not differentiable. */
export function nf4Unpack({ codes, absmax, blockSize, shape }: Nf4UnpackOptions): Tensor2D {
  return nf4UnpackKernel.run<Tensor2D>({ codes, absmax }, { blockSize, shape });
}
