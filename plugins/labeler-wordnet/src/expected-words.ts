import { setImmediate } from 'node:timers/promises';
import { NlaError, type Model } from '@nlakit/core';
import { chunks, padRight } from '@nlakit/nla';
import { tf } from '@nlakit/ops';
import { nextWordsOf, type NextWords } from '@nlakit/wordnet';

/**
 * The word the model expects after each text: its likeliest token among those that begin a word. Of longer texts the last `contextTokens`
 * tokens are read, behind the token that begins every text. Texts of similar length share a batch; results do not depend on it.
 *
 * Throws the signal's reason when aborted, and `E_WORDNET_VOCABULARY`.
 */
export async function expectedWords(
  model: Model,
  texts: readonly string[],
  options: { readonly contextTokens: number; readonly batch: number; readonly signal: AbortSignal },
): Promise<string[]> {
  const nextWords = nextWordsOf(model);
  const words = texts.map(() => '');
  const rows = texts
    .map((text, index) => ({ index, tokens: endOf(model.tokenizer.encode(text, { special: true }), options.contextTokens, model) }))
    .sort((one, other) => one.tokens.length - other.tokens.length);
  try {
    for (const batch of chunks(rows, options.batch)) {
      // Lets signals and timers through: backends compute synchronously.
      await setImmediate();
      options.signal.throwIfAborted();
      const choices = chooseNext(
        model,
        batch.map(({ tokens }) => tokens),
        nextWords,
      );
      try {
        const ids = await choices.data();
        batch.forEach(({ index }, row) => (words[index] = nextWords.wordOf(ids[row] ?? -1)));
      } finally {
        choices.dispose();
      }
    }
  } finally {
    nextWords.dispose();
  }
  return words;
}

function endOf(tokens: Int32Array, most: number, { tokenizer }: Model): Int32Array {
  if (tokens.length <= most) return tokens;
  const start = tokens[0] === tokenizer.bosId ? 1 : 0;
  return Int32Array.from([...tokens.subarray(0, start), ...tokens.subarray(tokens.length - most + start)]);
}

function chooseNext(model: Model, rows: readonly Int32Array[], nextWords: NextWords): tf.Tensor1D {
  const padded = padRight(rows, model.tokenizer.padId);
  return tf.tidy(() => {
    const { final } = model.forward({ ...padded, final: true });
    if (final === undefined) {
      throw new NlaError('E_HOOK_POINT', {
        message: 'The model did not give back what it was asked for.',
        expected: 'the output of the final norm',
      });
    }
    const last = tf.tensor1d(
      rows.map((row, index) => index * padded.length + row.length - 1),
      'int32',
    );
    return nextWords.choose(tf.gather(tf.reshape<tf.Rank.R2>(final, [padded.batch * padded.length, model.spec.dModel]), last));
  });
}
