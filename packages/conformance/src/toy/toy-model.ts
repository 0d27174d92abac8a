import {
  blockOutput,
  finalState,
  NlaError,
  type ForwardInput,
  type ForwardOutput,
  type GenerateInput,
  type GenerateStep,
  type LoraAdapter,
  type Model,
  type NamedTensors,
  type Segment,
} from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { toyTokenizer, toyVocabulary } from './toy-tokenizer.js';

/** The toy model, which also remembers what it was asked. */
export interface ToyModel extends Model {
  /** Every `forward` since the model was made. */
  readonly calls: ForwardInput[];
  readonly adapted: (LoraAdapter | null)[];
  /** Set to make every following cross-entropy NaN. */
  broken: boolean;
}

/**
 * A causal language model of two linears a block, `h += tanh(q(mean of h so far))` and `h += tanh(up(h)) / 2`, with a tied head and
 * weights that are the same everywhere. Small enough for tests, and it runs on any tfjs backend.
 */
export function createToyModel(dModel = 16, layers = 3): ToyModel {
  const vocabulary = toyVocabulary.length;
  const table = tf.tensor2d(numbers(vocabulary * dModel, 1, 7), [vocabulary, dModel]);
  const linears = new Map<string, readonly [number, number]>();
  const base = new Map<string, tf.Tensor2D>();
  for (let layer = 0; layer < layers; layer++) {
    for (const name of [queryOf(layer), upOf(layer)]) {
      linears.set(name, [dModel, dModel]);
      base.set(name, tf.tensor2d(numbers(dModel * dModel, 0.4, 100 + linears.size), [dModel, dModel]));
    }
  }
  let adapter: LoraAdapter | null = null;
  const calls: ForwardInput[] = [];
  const adapted: (LoraAdapter | null)[] = [];

  const linear = (x: tf.Tensor3D, name: string, input: ForwardInput): tf.Tensor3D => {
    const flat = tf.reshape<tf.Rank.R2>(x, [-1, dModel]);
    let y = tf.matMul(flat, base.get(name) as tf.Tensor2D, false, true);
    const pair = adapter?.pairs.get(name);
    if (adapter !== null && pair !== undefined) {
      const { rank, alpha, dropout, rankStabilized } = adapter.spec;
      const source = dropped(flat, dropout, input);
      const low = tf.matMul(source, pair.a, false, true);
      y = tf.add(y, tf.mul(tf.matMul(low, pair.b, false, true), alpha / (rankStabilized ? Math.sqrt(rank) : rank)));
    }
    return tf.reshape(y, x.shape);
  };

  const embedded = (input: ForwardInput): tf.Tensor3D => {
    const { batch, length, overrides = [] } = input;
    const rows = tf.gather(table, tf.tensor1d(input.tokens, 'int32'));
    if (overrides.length === 0) return tf.reshape(rows, [batch, length, dModel]);
    const keep = new Float32Array(batch * length).fill(1);
    const place = new Float32Array(batch * length * overrides.length);
    overrides.forEach(({ row, position }, at) => {
      keep[row * length + position] = 0;
      place[(row * length + position) * overrides.length + at] = 1;
    });
    const vectors = tf.stack(overrides.map(({ vector }) => (vector instanceof Float32Array ? tf.tensor1d(vector) : vector))) as tf.Tensor2D;
    const injected = tf.matMul(tf.tensor2d(place, [batch * length, overrides.length]), vectors);
    return tf.reshape(tf.add(tf.mul(rows, tf.tensor2d(keep, [batch * length, 1])), injected), [batch, length, dModel]);
  };

  const segmentsOf = (input: ForwardInput): Segment[] => {
    const last = input.stopAfterBlock ?? layers - 1;
    const wanted = input.final ?? input.stopAfterBlock === undefined;
    return [
      { name: 'embedding', run: () => ({ h: tf.tidy(() => embedded(input)) }) },
      ...Array.from({ length: last + 1 }, (_, layer): Segment => ({
        name: `blocks.${layer}`,
        run: ({ h, ...rest }) => {
          const next = tf.tidy(() => {
            const before = h as tf.Tensor3D;
            const mixed = tf.add(before, tf.tanh(linear(tf.matMul(causalMean(input), before), queryOf(layer), input)));
            return tf.add(mixed, tf.mul(tf.tanh(linear(mixed as tf.Tensor3D, upOf(layer), input)), 0.5));
          });
          const captured = input.capture?.includes(blockOutput(layer)) === true ? { [blockOutput(layer)]: next.clone() } : {};
          return { ...rest, ...captured, h: next };
        },
      })),
      { name: 'final', run: ({ h, ...rest }) => (wanted ? { ...rest, [finalState]: tf.mul(h as tf.Tensor3D, 1) } : rest) },
    ];
  };

  const model: ToyModel = {
    calls,
    adapted,
    broken: false,
    spec: {
      name: 'fake/model',
      architecture: 'toy',
      dModel,
      layers,
      vocabularySize: vocabulary,
      embeddingScale: 1,
      hookPoints: Array.from({ length: layers }, (_, layer) => blockOutput(layer)),
      linears,
      parameters: vocabulary * dModel + linears.size * dModel * dModel,
      config: {},
    },
    tokenizer: toyTokenizer(),
    head: {
      logits: (rows) => tf.matMul(rows, table, false, true),
      crossEntropy(rows, targets) {
        return tf.tidy(() => {
          const logits = tf.mul(tf.matMul(rows, table, false, true), model.broken ? Number.NaN : 1);
          const chosen = tf.sum(tf.mul(logits, tf.oneHot(tf.tensor1d(targets, 'int32'), vocabulary)), 1);
          return tf.sub<tf.Tensor1D>(tf.logSumExp(logits, 1), chosen);
        });
      },
    },
    adapt(next) {
      for (const name of next?.pairs.keys() ?? []) {
        if (!linears.has(name)) throw new NlaError('E_LORA_TARGET', { message: 'The model has no linear of that name.', found: name });
      }
      adapter = next;
      adapted.push(next);
    },
    forward(input): ForwardOutput {
      checkInput(input, model.spec);
      calls.push(input);
      const state = tf.tidy(
        () => segmentsOf(input).reduce<NamedTensors>((now, segment) => segment.run(now), {}) as Record<string, tf.Tensor>,
      );
      const { [finalState]: final, ...hidden } = state as Record<string, tf.Tensor3D>;
      return { hidden, ...(final === undefined ? {} : { final }) };
    },
    segments(input) {
      checkInput(input, model.spec);
      return segmentsOf(input);
    },
    async *generate(input: GenerateInput): AsyncIterable<GenerateStep> {
      const rows = input.prompts.map((prompt) => [...prompt]);
      const ended = rows.map(() => false);
      for (let index = 0; index < input.maxNewTokens && ended.includes(false); index++) {
        input.signal?.throwIfAborted();
        const scores = rows.map((row, number) => {
          const overrides = (input.overrides ?? []).filter((one) => one.row === number).map((one) => ({ ...one, row: 0 }));
          return ended[number] === true ? new Float32Array(vocabulary) : nextLogits(model, Int32Array.from(row), overrides);
        });
        const barred = new Set([...(input.forbiddenIds ?? []), ...(index < (input.minNewTokens ?? 0) ? input.stopIds : [])]);
        const ids = scores.map((logits, number) => {
          if (ended[number] === true) return -1;
          const id = chosen(logits, barred, input);
          rows[number]?.push(id);
          if (input.stopIds.includes(id)) ended[number] = true;
          return id;
        });
        // An await keeps the promise of an asynchronous iterable: whoever waits for a step may abort before the next.
        await Promise.resolve();
        const logits = Float32Array.from(scores.flatMap((one) => [...one]));
        yield { index, ids: Int32Array.from(ids), ...(input.logits === true ? { logits } : {}) };
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

function checkInput(
  { tokens, batch, length, overrides = [], capture = [], stopAfterBlock }: ForwardInput,
  { dModel, layers, vocabularySize }: Model['spec'],
): void {
  const fault = (found: string): NlaError =>
    new NlaError('E_FORWARD_INPUT', { message: 'The pass asks for what the model does not have.', found });
  if (tokens.length !== batch * length) throw fault(`${tokens.length} tokens for ${batch} rows of ${length}`);
  const stray = tokens.find((id) => id < 0 || id >= vocabularySize);
  if (stray !== undefined) throw fault(`the token ${stray}`);
  for (const { row, position, vector } of overrides) {
    const inside = row >= 0 && row < batch && position >= 0 && position < length;
    if (!inside || (vector instanceof Float32Array ? vector.length : vector.size) !== dModel)
      throw fault(`an override at row ${row}, position ${position}`);
  }
  const hooks = Array.from({ length: (stopAfterBlock ?? layers - 1) + 1 }, (_, layer) => blockOutput(layer));
  const unknown = capture.find((name) => !hooks.includes(name));
  if (unknown !== undefined) throw fault(`the hook point ${unknown}`);
}

/** The likeliest token that is not barred, or one drawn from the `topK` likeliest. */
function chosen(
  logits: Float32Array,
  barred: ReadonlySet<number>,
  { temperature = 0, topK = logits.length, random }: GenerateInput,
): number {
  const allowed = Array.from(logits, (score, id) => ({ score, id })).filter(({ id }) => !barred.has(id));
  allowed.sort((one, other) => other.score - one.score || one.id - other.id);
  const [best] = allowed;
  if (best === undefined) throw new NlaError('E_GENERATE_FORBIDDEN', { message: 'Every token is forbidden.' });
  if (temperature === 0) return best.id;
  if (random === undefined) throw new NlaError('E_GENERATE_RANDOM', { message: 'Sampling needs a random stream.' });
  const kept = allowed.slice(0, topK).map(({ score, id }) => ({ id, weight: Math.exp((score - best.score) / temperature) }));
  let left = random.uniform() * kept.reduce((sum, { weight }) => sum + weight, 0);
  return kept.find(({ weight }) => (left -= weight) < 0)?.id ?? best.id;
}

/** Numbers that are the same everywhere: a small linear congruential generator, uniform in ±`scale`. */
function numbers(count: number, scale: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2 * scale;
  });
}

function queryOf(layer: number): string {
  return `model.layers.${layer}.self_attn.q_proj`;
}

function upOf(layer: number): string {
  return `model.layers.${layer}.mlp.up_proj`;
}

function dropped(x: tf.Tensor2D, rate: number, { dropout }: ForwardInput): tf.Tensor2D {
  if (dropout === undefined || rate === 0) return x;
  const keep = Float32Array.from({ length: x.size }, () => (dropout.uniform() < rate ? 0 : 1 / (1 - rate)));
  return tf.mul(x, tf.tensor2d(keep, x.shape));
}

/** Each position's mean over itself and the real positions before it, `[batch, length, length]`. */
function causalMean({ batch, length, mask }: ForwardInput): tf.Tensor3D {
  const mix = new Float32Array(batch * length * length);
  for (let row = 0; row < batch; row++) {
    for (let query = 0; query < length; query++) {
      let seen = 0;
      for (let key = 0; key <= query; key++) seen += mask?.[row * length + key] ?? 1;
      for (let key = 0; key <= query; key++) {
        mix[(row * length + query) * length + key] = seen === 0 ? 0 : (mask?.[row * length + key] ?? 1) / seen;
      }
    }
  }
  return tf.tensor3d(mix, [batch, length, length]);
}

function nextLogits(model: Model, tokens: Int32Array, overrides: NonNullable<ForwardInput['overrides']>): Float32Array {
  const { dModel } = model.spec;
  return tf.tidy(() => {
    const { final } = model.forward({ tokens, batch: 1, length: tokens.length, overrides });
    const lastRow = tf.reshape(tf.slice(final as tf.Tensor3D, [0, tokens.length - 1, 0], [1, 1, dModel]), [1, dModel]);
    return model.head.logits(lastRow as tf.Tensor2D).dataSync() as Float32Array;
  });
}
