import { setImmediate } from 'node:timers/promises';
import { blockOutput, type ForwardInput, type ForwardOutput, type Model, NlaError } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { batchesByLength } from './batches-by-length.js';
import { padRight } from './pad-right.js';

/** A text as token ids, special ones included, and the positions that are read in it. */
export interface TextToRead {
  readonly tokens: Int32Array;
  /** From 0, in any order. */
  readonly positions: readonly number[];
}

/** The activations of one text. */
export interface TextActivations {
  /** Place of the text in what was asked for. */
  readonly index: number;
  /** Layer to the raw outputs of that block, `[positions, dModel]` row-major, in the order of the text's positions. */
  readonly vectors: ReadonlyMap<number, Float32Array>;
}

/** Options of {@link readActivations}. */
export interface ReadActivationsOptions {
  /** The blocks whose outputs are wanted, counted from 0; all are read in the same pass. */
  readonly layers: readonly number[];
  /** Most tokens of one pass, padding included; a longer text has a pass of its own. Default 4096. */
  readonly batchTokens?: number;
  readonly signal?: AbortSignal;
}

/** A pass over texts padded on the right, which ends behind the last block that is wanted. */
export interface ReadingPass {
  readonly input: ForwardInput;
  /** The outputs of that block at all positions, text by text, `[positions of all texts, dModel]`. Differentiable. */
  select(output: ForwardOutput, layer: number): tf.Tensor2D;
}

/** The pass that reads `texts` at their positions after each of `layers`; nothing behind the last of them is computed. */
export function readingPass(texts: readonly TextToRead[], layers: readonly number[], padId: number): ReadingPass {
  const padded = padRight(
    texts.map(({ tokens }) => tokens),
    padId,
  );
  const places = texts.flatMap(({ positions }, row) => positions.map((position) => row * padded.length + position));
  return {
    input: { ...padded, stopAfterBlock: Math.max(...layers), capture: layers.map(blockOutput), final: false },
    select(output, layer) {
      const name = blockOutput(layer);
      const hidden = output.hidden[name];
      if (hidden === undefined) {
        throw new NlaError('E_HOOK_POINT', { message: 'The model did not give back the hook point it was asked for.', expected: name });
      }
      return tf.tidy(() => {
        const flat = tf.reshape(hidden, [padded.batch * padded.length, hidden.shape[2]]);
        return tf.gather(flat, tf.tensor1d(places, 'int32')) as tf.Tensor2D;
      });
    },
  };
}

/**
 * Reads the residual stream of many texts at their positions, after one block or after several in the same pass. Texts of similar length
 * share a batch, padded on the right, which causal attention never sees. Yields the texts of each batch as it is done, so in no particular
 * order: `index` says which they are. The same texts in the same order are batched alike, and give the same bytes on the same backend.
 *
 * Throws the signal's reason when aborted, `E_LAYER` for a block the model does not have, `E_POSITION` for a position outside its text,
 * `E_HOOK_POINT`, and `E_ACTIVATION` for activations that are not finite.
 */
export async function* readActivations(
  model: Model,
  texts: readonly TextToRead[],
  { layers, batchTokens = 4096, signal }: ReadActivationsOptions,
): AsyncGenerator<readonly TextActivations[]> {
  checkRequest(model, texts, layers);
  const wanted = texts.flatMap(({ positions }, index) => (positions.length === 0 ? [] : [index]));
  const lengths = wanted.map((index) => texts[index]?.tokens.length ?? 0);
  for (const batch of batchesByLength(lengths, batchTokens)) {
    // Lets signals and timers through: backends compute synchronously.
    await setImmediate();
    signal?.throwIfAborted();
    const members = batch.flatMap((at) => wanted[at] ?? []);
    yield readBatch(model, texts, members, layers);
  }
  signal?.throwIfAborted();
}

async function readBatch(
  model: Model,
  texts: readonly TextToRead[],
  members: readonly number[],
  layers: readonly number[],
): Promise<TextActivations[]> {
  const batch = members.flatMap((index) => texts[index] ?? []);
  const { dModel } = model.spec;
  const selected = tf.tidy(() => {
    const { input, select } = readingPass(batch, layers, model.tokenizer.padId);
    const output = model.forward(input);
    return layers.map((layer) => select(output, layer));
  });
  try {
    const values = await Promise.all(selected.map(async (tensor) => (await tensor.data()) as Float32Array));
    let start = 0;
    return members.map((index) => {
      const end = start + (texts[index]?.positions.length ?? 0);
      const vectors = layers.map((layer, at) => {
        const read = values[at]?.slice(start * dModel, end * dModel) ?? new Float32Array();
        if (!read.every(Number.isFinite)) throw activationError(index, layer);
        return [layer, read] as const;
      });
      start = end;
      return { index, vectors: new Map(vectors) };
    });
  } finally {
    tf.dispose(selected);
  }
}

function checkRequest(model: Model, texts: readonly TextToRead[], layers: readonly number[]): void {
  const wrong = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= model.spec.layers);
  if (layers.length === 0 || wrong !== undefined) {
    throw new NlaError('E_LAYER', {
      message: `${model.spec.name} has no such block.`,
      found: wrong === undefined ? 'no layer at all' : `layer ${wrong}`,
      expected: `layers from 0 to ${model.spec.layers - 1}`,
      kind: 'input',
    });
  }
  texts.forEach(({ tokens, positions }, index) => {
    const outside = positions.find((position) => !Number.isInteger(position) || position < 0 || position >= tokens.length);
    if (outside === undefined) return;
    throw new NlaError('E_POSITION', {
      message: `Text ${index} has no token at the position that is to be read.`,
      found: `position ${outside}`,
      expected: `0 to ${tokens.length - 1}`,
      kind: 'input',
    });
  });
}

function activationError(index: number, layer: number): NlaError {
  return new NlaError('E_ACTIVATION', {
    message: `An activation of text ${index} after block ${layer} is not finite.`,
    expected: 'finite numbers',
    fix: 'Check the model and the backend: a forward pass over plain text overflows.',
    kind: 'failure',
  });
}
