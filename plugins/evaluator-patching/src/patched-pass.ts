import { finalState, NlaError, type Model, type NamedTensors } from '@nlakit/core';
import { padRight } from '@nlakit/nla';
import { tf } from '@nlakit/ops';
import type { PatchPoint } from './patch-point.js';

/** What a batch of texts shows, one value a row. */
export interface PatchedBatch {
  /** The model's own activation at the last token of each row, `[dModel]`. */
  readonly activations: readonly Float32Array[];
  /** For each set of vectors: KL(unpatched ‖ patched) of the next token after each row, nats. */
  readonly divergences: readonly (readonly number[])[];
  /** For each set of vectors: whether the most likely next token is the same. */
  readonly sameToken: readonly (readonly boolean[])[];
}

/**
 * Runs the target model over a batch of prompts up to the patch point once, and on from there once as it is and once for each set of
 * vectors (`[sets][rows]`, each `[dModel]`), which replace the residual stream at the last token of each prompt. No adapter may be on the
 * model.
 */
export async function patchedPass(
  model: Model,
  point: PatchPoint,
  prompts: readonly Int32Array[],
  sets: readonly (readonly Float32Array[])[],
): Promise<PatchedBatch> {
  const padded = padRight(prompts, model.tokenizer.padId);
  const last = prompts.map((prompt, row) => row * padded.length + prompt.length - 1);
  const { dModel } = model.spec;
  const segments = model.segments({ ...padded, capture: [point.hook] });
  const read = tf.tidy(() => {
    let state: NamedTensors = {};
    for (const segment of segments.slice(0, point.segment + 1)) state = segment.run(state);
    const atPoint = state;
    const places = tf.tensor1d(last, 'int32');
    const rowsOf = (tensor: tf.Tensor) => tf.gather(tf.reshape<tf.Rank.R2>(tensor, [-1, dModel]), places);
    /** Log-probabilities of the next token, `[rows, vocabulary]`. */
    const goOn = (start: NamedTensors) =>
      tf.tidy(() => {
        let current = start;
        for (const segment of segments.slice(point.segment + 1)) current = segment.run(current);
        return tf.logSoftmax(model.head.logits(rowsOf(entryOf(current, finalState))));
      });
    const own = goOn(atPoint);
    const ownToken = tf.argMax(own, -1);
    const measured = sets.map((vectors) =>
      tf.tidy(() => {
        const patched = goOn(replaced(atPoint, point, last, vectors));
        const divergence = tf.sum(tf.mul(tf.exp(own), tf.sub(own, patched)), -1);
        return tf.stack([divergence, tf.cast(tf.equal(tf.argMax(patched, -1), ownToken), 'float32')]);
      }),
    );
    return { activations: rowsOf(entryOf(atPoint, point.hook)), measured: tf.stack(measured) };
  });
  const [activations, measured] = (await Promise.all([read.activations.data(), read.measured.data()])) as [Float32Array, Float32Array];
  tf.dispose([read.activations, read.measured]);
  const rows = prompts.length;
  const part = (set: number, which: 0 | 1) => Array.from(measured.subarray((2 * set + which) * rows, (2 * set + which + 1) * rows));
  return {
    activations: prompts.map((_, row) => activations.slice(row * dModel, (row + 1) * dModel)),
    divergences: sets.map((_, set) => part(set, 0)),
    sameToken: sets.map((_, set) => part(set, 1).map((same) => same === 1)),
  };
}

/** The state with `vectors` at the flat positions `last` of the residual stream; everywhere else it stays as it is, bit for bit. */
function replaced(state: NamedTensors, point: PatchPoint, last: readonly number[], vectors: readonly Float32Array[]): NamedTensors {
  const width = vectors[0]?.length ?? 0;
  const changed: Record<string, tf.Tensor> = { ...state };
  for (const name of point.entries) {
    const before = entryOf(state, name);
    const positions = before.size / width;
    const patch = new Float32Array(before.size);
    const keep = new Float32Array(positions).fill(1);
    last.forEach((position, row) => {
      patch.set(vectors[row] ?? [], position * width);
      keep[position] = 0;
    });
    const flat = tf.reshape(before, [positions, width]);
    const kept = tf.where(tf.cast(tf.tensor2d(keep, [positions, 1]), 'bool'), flat, tf.tensor2d(patch, [positions, width]));
    changed[name] = tf.reshape(kept, before.shape);
  }
  return changed;
}

function entryOf(state: NamedTensors, name: string): tf.Tensor {
  const found = state[name];
  if (found !== undefined) return found;
  throw new NlaError('E_PATCH_STATE', {
    message: 'A segment did not give what the pass needs.',
    found: Object.keys(state).join(', '),
    expected: name,
  });
}
