import { blockOutput, type Model } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * The output of every block at the last token of every text, each `[texts, dModel]`, by index of the block. Texts get `<bos>` in front.
 *
 * @param batch texts that go through the model together.
 */
export async function lastTokenVectors(model: Model, texts: readonly string[], batch = 32): Promise<Float32Array[]> {
  const { dModel, layers } = model.spec;
  const result = Array.from({ length: layers }, () => new Float32Array(texts.length * dModel));
  const rows = texts.map((text, index) => ({ index, ids: model.tokenizer.encode(text, { special: true }) }));
  // Texts of similar length go together, so that little is spent on padding.
  rows.sort((one, other) => one.ids.length - other.ids.length || one.index - other.index);

  for (let start = 0; start < rows.length; start += batch) {
    const group = rows.slice(start, start + batch);
    const length = Math.max(...group.map(({ ids }) => ids.length));
    const tokens = new Int32Array(group.length * length).fill(model.tokenizer.padId);
    const mask = new Uint8Array(group.length * length);
    group.forEach(({ ids }, row) => {
      tokens.set(ids, row * length);
      mask.fill(1, row * length, row * length + ids.length);
    });
    const last = Int32Array.from(group, ({ ids }, row) => row * length + ids.length - 1);
    const capture = result.map((_, layer) => blockOutput(layer));
    const vectors = tf.tidy(() => {
      const { hidden } = model.forward({ tokens, mask, batch: group.length, length, capture, final: false });
      return capture.map((name) =>
        tf.gather(tf.reshape(hidden[name] as Tensor, [group.length * length, dModel]), tf.tensor1d(last, 'int32')),
      );
    });
    for (const [layer, tensor] of vectors.entries()) {
      const data = await tensor.data<'float32'>();
      group.forEach(({ index }, row) => result[layer]?.set(data.subarray(row * dModel, (row + 1) * dModel), index * dModel));
      tensor.dispose();
    }
  }
  return result;
}
