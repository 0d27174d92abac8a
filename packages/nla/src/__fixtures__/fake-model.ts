import {
  blockOutput,
  type ForwardInput,
  type ForwardOutput,
  type GenerateInput,
  type GenerateStep,
  type LoraAdapter,
  type Model,
  NlaError,
} from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { fakeTokenizer, fakeVocabulary } from './fake-tokenizer.js';

export interface FakeModel extends Model {
  /** Every `forward` since the model was made. */
  readonly calls: ForwardInput[];
  readonly adapted: (LoraAdapter | null)[];
  /** Set to make every following cross-entropy NaN. */
  broken: boolean;
}

/** Deterministic weights: a small linear congruential generator. */
function weights(count: number, scale: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2 * scale;
  });
}

/** A causal model of two linears a block: `h += tanh(q(mean of h so far))`, `h += tanh(up(h)) / 2`, tied head. Runs on any tfjs backend. */
export function fakeModel(dModel = 16, layers = 3): FakeModel {
  const tokenizer = fakeTokenizer();
  const vocabulary = fakeVocabulary.length;
  const table = tf.tensor2d(weights(vocabulary * dModel, 1, 7), [vocabulary, dModel]);
  const linears = new Map<string, readonly [number, number]>();
  const base = new Map<string, tf.Tensor2D>();
  for (let layer = 0; layer < layers; layer++) {
    for (const name of [`model.layers.${layer}.self_attn.q_proj`, `model.layers.${layer}.mlp.up_proj`]) {
      linears.set(name, [dModel, dModel]);
      base.set(name, tf.tensor2d(weights(dModel * dModel, 0.4, 100 + linears.size), [dModel, dModel]));
    }
  }
  let adapter: LoraAdapter | null = null;
  const calls: ForwardInput[] = [];
  const adapted: (LoraAdapter | null)[] = [];

  const linear = (x: tf.Tensor3D, name: string, input: ForwardInput): tf.Tensor3D => {
    const [batch, length] = x.shape;
    const flat = tf.reshape(x, [-1, dModel]) as tf.Tensor2D;
    let y = tf.matMul(flat, base.get(name) as tf.Tensor2D, false, true);
    const pair = adapter?.pairs.get(name);
    if (adapter !== null && pair !== undefined) {
      let source = flat;
      const rate = adapter.spec.dropout;
      if (input.dropout !== undefined && rate > 0) {
        const random = input.dropout;
        const keep = Float32Array.from({ length: flat.size }, () => (random.uniform() < rate ? 0 : 1 / (1 - rate)));
        source = tf.mul(flat, tf.tensor2d(keep, [flat.shape[0], dModel]));
      }
      const scale = adapter.spec.rankStabilized ? adapter.spec.alpha / Math.sqrt(adapter.spec.rank) : adapter.spec.alpha / adapter.spec.rank;
      const low = tf.matMul(source, pair.a, false, true);
      y = tf.add(y, tf.mul(tf.matMul(low, pair.b, false, true), scale));
    }
    return tf.reshape(y, [batch, length, dModel]);
  };

  const forward = (input: ForwardInput): ForwardOutput =>
    tf.tidy((): { final?: tf.Tensor3D; hidden: Record<string, tf.Tensor3D> } => {
      calls.push(input);
      const { batch, length } = input;
      const embedded = tf.reshape(tf.gather(table, tf.tensor1d(input.tokens, 'int32')), [batch, length, dModel]) as tf.Tensor3D;
      const keep = new Float32Array(batch * length).fill(1);
      const injected = new Float32Array(batch * length * dModel);
      for (const { row, position, vector } of input.overrides ?? []) {
        keep[row * length + position] = 0;
        const values = vector instanceof Float32Array ? vector : (vector.dataSync() as Float32Array);
        injected.set(values, (row * length + position) * dModel);
      }
      let h = tf.add(tf.mul(embedded, tf.tensor3d(keep, [batch, length, 1])), tf.tensor3d(injected, [batch, length, dModel])) as tf.Tensor3D;
      const mix = new Float32Array(batch * length * length);
      for (let row = 0; row < batch; row++) {
        for (let query = 0; query < length; query++) {
          let seen = 0;
          for (let key = 0; key <= query; key++) seen += input.mask?.[row * length + key] ?? 1;
          for (let key = 0; key <= query; key++) {
            mix[(row * length + query) * length + key] = seen === 0 ? 0 : (input.mask?.[row * length + key] ?? 1) / seen;
          }
        }
      }
      const causal = tf.tensor3d(mix, [batch, length, length]);
      const hidden: Record<string, tf.Tensor3D> = {};
      const last = input.stopAfterBlock ?? layers - 1;
      for (let layer = 0; layer <= last; layer++) {
        h = tf.add(h, tf.tanh(linear(tf.matMul(causal, h), `model.layers.${layer}.self_attn.q_proj`, input)));
        h = tf.add(h, tf.mul(tf.tanh(linear(h, `model.layers.${layer}.mlp.up_proj`, input)), 0.5));
        if (input.capture?.includes(blockOutput(layer)) === true) hidden[blockOutput(layer)] = h;
      }
      const wanted = input.final ?? input.stopAfterBlock === undefined;
      const output: { final?: tf.Tensor3D; hidden: typeof hidden } = { hidden };
      if (wanted) output.final = tf.mul(h, 1);
      return output;
    });

  const model: FakeModel = {
    calls,
    adapted,
    broken: false,
    spec: {
      name: 'fake/model',
      architecture: 'fake',
      dModel,
      layers,
      vocabularySize: vocabulary,
      embeddingScale: 1,
      hookPoints: Array.from({ length: layers }, (_, layer) => blockOutput(layer)),
      linears,
      parameters: vocabulary * dModel + linears.size * dModel * dModel,
      config: {},
    },
    tokenizer,
    head: {
      logits: (rows) => tf.matMul(rows, table, false, true),
      crossEntropy(rows, targets) {
        return tf.tidy(() => {
          const logits = tf.mul(tf.matMul(rows, table, false, true), model.broken ? Number.NaN : 1);
          const chosen = tf.sum(tf.mul(logits, tf.oneHot(tf.tensor1d(targets, 'int32'), vocabulary)), 1);
          return tf.sub(tf.logSumExp(logits, 1), chosen) as tf.Tensor1D;
        });
      },
    },
    adapt(next) {
      for (const name of next?.pairs.keys() ?? []) {
        if (!linears.has(name)) throw new NlaError('E_LORA_TARGET', { message: 'Unknown linear.', found: name });
      }
      adapter = next;
      adapted.push(next);
    },
    forward,
    segments: (input) => [
      {
        name: 'all',
        run: () => {
          const output = forward(input);
          return output.final === undefined ? {} : { final: output.final };
        },
      },
    ],
    async *generate(input: GenerateInput): AsyncIterable<GenerateStep> {
      const rows = input.prompts.map((prompt) => [...prompt]);
      const ended = rows.map(() => false);
      for (let index = 0; index < input.maxNewTokens && ended.includes(false); index++) {
        input.signal?.throwIfAborted();
        const ids = rows.map((row, number) => {
          if (ended[number] === true) return -1;
          const logits = tf.tidy(() => {
            const overrides = (input.overrides ?? []).filter((one) => one.row === number).map((one) => ({ ...one, row: 0 }));
            const { final } = forward({ tokens: Int32Array.from(row), batch: 1, length: row.length, overrides });
            const lastRow = tf.reshape(tf.slice(final as tf.Tensor3D, [0, row.length - 1, 0], [1, 1, dModel]), [1, dModel]) as tf.Tensor2D;
            return model.head.logits(lastRow).dataSync() as Float32Array;
          });
          const barred = new Set([...(input.forbiddenIds ?? []), ...(index < (input.minNewTokens ?? 0) ? input.stopIds : [])]);
          let best = -1;
          logits.forEach((value, id) => {
            if (!barred.has(id) && (best < 0 || value > (logits[best] ?? 0))) best = id;
          });
          row.push(best);
          if (input.stopIds.includes(best)) ended[number] = true;
          return best;
        });
        await Promise.resolve();
        yield { index, ids: Int32Array.from(ids) };
      }
    },
    async embed(ids) {
      const rows = tf.tidy(() => tf.gather(table, tf.tensor1d(ids, 'int32')));
      const data = (await rows.data()) as Float32Array;
      rows.dispose();
      return data;
    },
    dispose() {
      table.dispose();
      for (const weight of base.values()) weight.dispose();
    },
  };
  return model;
}
