import type { ForwardInput, ForwardOutput, HostTensor, Model, Tokenizer } from '@nlakit/core';
import { createGemma4, type Gemma4Model, type Gemma4Options } from '@nlakit/model-gemma4';
import { lossAndGradients, type LossAndGradients } from '@nlakit/nla/training';
import { plainQuantizer, tf } from '@nlakit/ops';
import { openModelFolder } from '@nlakit/safetensors';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import { fixture, tinyConfig } from './fixtures.js';

/** Vocabulary of the tiny model. */
export const vocabulary = 97;

/** The sequence that the golden files run. */
export const goldenIds = Int32Array.of(2, 5, 17, 96, 3, 41, 8, 60, 7, 1);

/** One pass over a sequence of ids. */
export function passOver(ids: ArrayLike<number>): ForwardInput {
  return { tokens: Int32Array.from(ids), batch: 1, length: ids.length };
}

/** The tiny model has no tokenizer: golden files speak in ids. */
export const noTokenizer: Tokenizer = {
  sha256: '',
  vocabularySize: vocabulary,
  bosId: 2,
  eosId: 1,
  padId: 0,
  unkId: undefined,
  encode: () => new Int32Array(),
  decode: () => '',
  idOf: () => undefined,
  tokenOf: () => undefined,
};

let stored: Promise<ReadonlyMap<string, HostTensor>> | undefined;

/** All tensors of the tiny checkpoint. */
export function tinyTensors(): Promise<ReadonlyMap<string, HostTensor>> {
  stored ??= (async () => {
    const file = await openModelFolder(fixture('model', 'gemma4-tiny'));
    const read = new Map<string, HostTensor>();
    for (const [name, { shape }] of file.tensors) read.set(name, { shape, data: await file.float32(name) });
    await file.close();
    return read;
  })();
  return stored;
}

/** What a tiny model may have that the golden one has not. */
export type TinyOptions = Partial<Pick<Gemma4Options, 'config' | 'quantizer' | 'trainable'>> & {
  readonly tensors?: ReadonlyMap<string, HostTensor>;
};

/** The tiny model on the current backend. */
export async function tinyModel(options: TinyOptions = {}): Promise<Gemma4Model> {
  return createGemma4({
    config: tinyConfig(),
    tokenizer: noTokenizer,
    quantizer: plainQuantizer({ dtype: 'f32' }),
    ...options,
    tensors: options.tensors ?? (await tinyTensors()),
  });
}

/** Softcapped logits of every position, `[batch × length, vocabulary]` row-major. */
export async function logitsOf(model: Model, input: ForwardInput): Promise<Float32Array> {
  return values(tf.tidy(() => model.head.logits(tf.reshape(model.forward(input).final as Tensor, [-1, model.spec.dModel]))));
}

/** Next-token cross-entropy of every position whose token and next token are real, in order. */
function tokenLosses(model: Model, input: ForwardInput, output: ForwardOutput): Tensor1D {
  const { tokens, mask } = input;
  const real = (at: number): boolean => mask === undefined || mask[at] === 1;
  const sources = Array.from(tokens.keys()).filter((at) => (at + 1) % input.length !== 0 && real(at) && real(at + 1));
  const targets = Int32Array.from(sources, (at) => tokens[at + 1] ?? 0);
  return tf.tidy(() => {
    const final = tf.reshape<tf.Rank.R2>(output.final as Tensor, [-1, model.spec.dModel]);
    return model.head.crossEntropy(tf.gather<Tensor2D>(final, tf.tensor1d(sources, 'int32')), targets);
  });
}

/** {@link tokenLosses} of a pass, and their mean. */
export async function lossesOf(model: Model, input: ForwardInput): Promise<{ readonly tokens: Float32Array; readonly mean: number }> {
  const [tokens, mean] = tf.tidy(() => {
    const losses = tokenLosses(model, input, model.forward(input));
    return [losses, tf.mean(losses)] as const;
  });
  return { tokens: await values(tokens), mean: (await values(mean))[0] ?? NaN };
}

/** The values of a tensor, which is then disposed. */
export async function values(tensor: Tensor): Promise<Float32Array> {
  const read = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return read.slice();
}

/**
 * The mean loss of a pass and its gradients with respect to variables, as trainers compute them.
 *
 * @param recompute keeps only what one block hands to the next and computes the rest again in the backward pass
 */
export function gradientsOf(
  model: Model,
  variables: ReadonlyMap<string, Variable>,
  input: ForwardInput,
  recompute = false,
): Promise<LossAndGradients> {
  const loss = (output: ForwardOutput): Scalar => tf.tidy(() => tf.mean<Scalar>(tokenLosses(model, input, output)));
  return lossAndGradients(model, variables, { input, loss }, recompute);
}

/** The trainable weights of a model by checkpoint name. */
export function parametersOf(model: Model): ReadonlyMap<string, Variable> {
  return (model.parameters?.() ?? new Map()) as ReadonlyMap<string, Variable>;
}
