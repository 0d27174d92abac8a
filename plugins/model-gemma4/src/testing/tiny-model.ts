import '@tensorflow/tfjs-backend-cpu';
import type { ForwardInput, HostTensor, Model } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { openModelFolder } from '@nlakit/safetensors';
import type { Scalar, Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { createGemma4, type Gemma4Model, type Gemma4Options } from '../gemma4-model.js';
import { fixture, noTokenizer, tinyConfig } from './golden.js';

/** The sequence that the golden files run. */
export const goldenIds = Int32Array.of(2, 5, 17, 96, 3, 41, 8, 60, 7, 1);

/** One pass over it. */
export const sequence: ForwardInput = { tokens: goldenIds, batch: 1, length: goldenIds.length };

/** All tensors of the tiny checkpoint, in memory. */
export async function tinyTensors(): Promise<Map<string, HostTensor>> {
  const file = await openModelFolder(fixture('gemma4-tiny'));
  const read = new Map<string, HostTensor>();
  for (const [name, { shape }] of file.tensors) read.set(name, { shape, data: await file.float32(name) });
  await file.close();
  return read;
}

/** The tiny model, unless the options say otherwise. */
export async function tinyModel(
  options: Partial<Gemma4Options> & { tensors?: ReadonlyMap<string, HostTensor> } = {},
): Promise<Gemma4Model> {
  return createGemma4({
    config: tinyConfig(),
    tensors: options.tensors ?? (await tinyTensors()),
    tokenizer: noTokenizer,
    quantizer: plainQuantizer({ dtype: 'f32' }),
    ...options,
  });
}

/** Rows of `[batch, length, dModel]` at flat indices, `[indices, dModel]`. */
export function rowsAt(hidden: Tensor3D, indices: readonly number[]): Tensor2D {
  return tf.gather(tf.reshape(hidden, [-1, hidden.shape[2]]), tf.tensor1d([...indices], 'int32'));
}

/** Logits of every position, row-major. */
export function logitsOf(model: Model, input: ForwardInput): Float32Array {
  return tf.tidy(() => {
    const final = model.forward(input).final as Tensor;
    return model.head.logits(tf.reshape(final, [-1, model.spec.dModel])).dataSync() as Float32Array;
  });
}

/** Mean next-token cross-entropy over all positions whose token and next token are real. */
export function lossOf(model: Model, input: ForwardInput): Scalar {
  const { tokens, batch, length, mask } = input;
  const sources: number[] = [];
  for (let row = 0; row < batch; row++) {
    for (let column = 0; column + 1 < length; column++) {
      const at = row * length + column;
      if (mask === undefined || (mask[at] === 1 && mask[at + 1] === 1)) sources.push(at);
    }
  }
  const targets = Int32Array.from(sources, (at) => tokens[at + 1] ?? 0);
  return tf.tidy(() => tf.mean(model.head.crossEntropy(rowsAt(model.forward(input).final as Tensor3D, sources), targets)));
}
