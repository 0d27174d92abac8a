import { setImmediate } from 'node:timers/promises';
import { blockOutput, NlaError } from '@nlakit/core';
import type { DatasetEvent, Model } from '@nlakit/core';
import { chunks, padRight } from '@nlakit/nla';
import { tf } from '@nlakit/ops';
import { nextWordsOf, type NextWords } from '@nlakit/wordnet';

/** A text to read, as token ids. */
export interface TextToRead {
  readonly id: string;
  readonly tokens: Int32Array;
}

/** What one forward pass says about a text. */
export interface Reading {
  /** Output of block `layer` at the last token, `[dModel]`. */
  readonly vector: Float32Array;
  /** The word the model itself finds most likely to come next: its likeliest token among those that begin a word. */
  readonly next: string;
}

/**
 * Reads the activation at the last token of every text, and the word the model expects there, from the same pass. Texts of similar length
 * share a batch, padded on the right, which causal attention never sees: results do not depend on the batch.
 *
 * Yields progress after every batch and returns the readings by id. Throws the signal's reason when aborted, `E_HOOK_POINT` if the model
 * does not give what it was asked for, and `E_DATASET_VECTOR` for activations that are not finite.
 */
export async function* readActivations(
  texts: readonly TextToRead[],
  options: { readonly model: Model; readonly layer: number; readonly batch: number; readonly signal: AbortSignal },
): AsyncGenerator<DatasetEvent, ReadonlyMap<string, Reading>> {
  const { model, layer, signal } = options;
  const nextWords = nextWordsOf(model);
  const readings = new Map<string, Reading>();
  // Sorting is stable: equal lengths keep their order.
  const sorted = [...texts].sort((one, other) => one.tokens.length - other.tokens.length);
  try {
    for (const batch of chunks(sorted, options.batch)) {
      // Lets signals and timers through: backends compute synchronously.
      await setImmediate();
      signal.throwIfAborted();
      const { vectors, choices } = readBatch(model, layer, batch, nextWords);
      try {
        const values = (await vectors.data()) as Float32Array;
        const ids = await choices.data();
        batch.forEach(({ id }, row) => {
          const vector = values.slice(row * model.spec.dModel, (row + 1) * model.spec.dModel);
          if (!vector.every(Number.isFinite)) throw vectorError(id);
          readings.set(id, { vector, next: nextWords.wordOf(ids[row] ?? -1) });
        });
      } finally {
        tf.dispose([vectors, choices]);
      }
      yield { type: 'progress', task: 'read activations', done: readings.size, total: sorted.length, unit: 'rows' };
    }
  } finally {
    nextWords.dispose();
  }
  signal.throwIfAborted();
  return readings;
}

/** Vectors `[rows, dModel]` and ids of the likeliest next word `[rows]`. */
function readBatch(model: Model, layer: number, batch: readonly TextToRead[], nextWords: NextWords) {
  const name = blockOutput(layer);
  const padded = padRight(
    batch.map(({ tokens }) => tokens),
    model.tokenizer.padId,
  );
  return tf.tidy(() => {
    const { hidden, final } = model.forward({ ...padded, capture: [name], final: true });
    const captured = hidden[name];
    if (captured === undefined || final === undefined) {
      throw new NlaError('E_HOOK_POINT', {
        message: 'The model did not give back what it was asked for.',
        expected: `${name} and the output of the final norm`,
      });
    }
    const places = tf.tensor1d(
      batch.map(({ tokens }, row) => row * padded.length + tokens.length - 1),
      'int32',
    );
    const rows = [padded.batch * padded.length, model.spec.dModel] as const;
    const atLast = (values: tf.Tensor3D) => tf.gather(tf.reshape<tf.Rank.R2>(values, [...rows]), places);
    return { vectors: atLast(captured), choices: nextWords.choose(atLast(final)) };
  });
}

function vectorError(id: string): NlaError {
  return new NlaError('E_DATASET_VECTOR', {
    message: `The activation of row ${id} is not finite.`,
    expected: 'finite numbers',
    fix: 'Check the model and the backend: a forward pass over plain English text overflows.',
    kind: 'failure',
  });
}
