import { NlaError, type GenerateInput, type GenerateStep, type ModelHead, type Override } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { Gemma4Config } from './config.js';
import type { Gemma4Decoder, KeysValues } from './decoder.js';
import { checkInput, ropeOf, type TypeConstants } from './pass-plan.js';
import { chooseToken } from './sample.js';

/** Keys and values of earlier positions by layer; only layers with keys and values of their own are in it. */
type Cache = ReadonlyMap<number, KeysValues>;

/**
 * Cached decoding of a batch. Prompts are padded on the left; the prompt goes through in one pass, then one token per row and step.
 * The layers that take a donor's keys and values read the donor's cache. Rows that have ended run along with padding until all have.
 */
export async function* generate(
  config: Gemma4Config,
  decoder: Gemma4Decoder,
  head: ModelHead,
  input: GenerateInput,
): AsyncGenerator<GenerateStep, void, undefined> {
  const { prompts, maxNewTokens, minNewTokens = 0, stopIds, forbiddenIds = [], signal } = input;
  const batch = prompts.length;
  if (batch === 0 || prompts.some((prompt) => prompt.length === 0)) {
    throw new NlaError('E_GENERATE_PROMPT', { message: 'Every prompt needs at least one token.', found: `${batch} prompts` });
  }
  const promptLength = Math.max(...prompts.map((prompt) => prompt.length));
  const padding = prompts.map((prompt) => promptLength - prompt.length);
  const tokens = new Int32Array(batch * promptLength).fill(config.padId);
  prompts.forEach((prompt, row) => tokens.set(prompt, row * promptLength + (padding[row] ?? 0)));
  const overrides = (input.overrides ?? []).map((override) => inPaddedCoordinates(override, prompts, padding));
  const perLayerIds = input.perLayerIds ?? 'marker';
  checkInput(config, { tokens, batch, length: promptLength, overrides });

  const forbidden = new Set(forbiddenIds);
  const forbiddenEarly = new Set([...forbiddenIds, ...stopIds]);
  const stops = new Set(stopIds);
  const ended = new Array<boolean>(batch).fill(false);
  let cache: Cache = new Map();
  let step: PassStep = { tokens, batch, length: promptLength, start: 0, padding, overrides, perLayerIds };
  try {
    for (let index = 0; index < maxNewTokens; index++) {
      signal?.throwIfAborted();
      const result = advance(config, decoder, head, step, cache);
      release(cache);
      cache = result.cache;
      const logits = (await result.logits.data()) as Float32Array;
      result.logits.dispose();

      const ids = new Int32Array(batch).fill(-1);
      for (let row = 0; row < batch; row++) {
        if (ended[row]) continue;
        const scores = logits.subarray(row * config.vocabularySize, (row + 1) * config.vocabularySize);
        const id = chooseToken(scores, index < minNewTokens ? forbiddenEarly : forbidden, input);
        ids[row] = id;
        if (stops.has(id)) ended[row] = true;
      }
      yield { index, ids, ...(input.logits === true ? { logits } : {}) };
      if (ended.every(Boolean)) return;
      const next = ids.map((id) => (id < 0 ? config.padId : id));
      step = { tokens: next, batch, length: 1, start: promptLength + index, padding, overrides: [], perLayerIds };
    }
  } finally {
    release(cache);
  }
}

/** New tokens to run on top of a cache. */
interface PassStep {
  readonly tokens: Int32Array;
  readonly batch: number;
  readonly length: number;
  /** Index of the first new token in the padded rows: the number of positions already cached. */
  readonly start: number;
  /** Padding before each row's first token. */
  readonly padding: readonly number[];
  readonly overrides: readonly Override[];
  readonly perLayerIds: 'marker' | 'pad';
}

/** Runs new tokens through all blocks. Returns the logits of each row's last position, `[batch, vocabulary]`, and the new cache. */
function advance(
  config: Gemma4Config,
  decoder: Gemma4Decoder,
  head: ModelHead,
  step: PassStep,
  past: Cache,
): { logits: Tensor2D; cache: Cache } {
  const cache = new Map<number, KeysValues>();
  const logits = tf.tidy(() => {
    const { batch, length } = step;
    const constants = stepConstants(config, step, past);
    let residual = decoder.embed(step);
    const perLayer = decoder.perLayerInputs(residual, step, config.layers.length);
    const seen = new Map<number, KeysValues>();
    for (const layer of config.layers) {
      const shared = layer.donor === undefined ? undefined : seen.get(layer.donor);
      const output = decoder.block(layer, {
        batch,
        length,
        residual,
        perLayer: perLayer[layer.index] as Tensor2D,
        constants: constants[layer.type],
        shared,
        past: past.get(layer.index),
      });
      residual = output.residual;
      if (output.own === undefined) continue;
      seen.set(layer.index, output.own);
      cache.set(layer.index, trimmed(output.own, layer.window));
    }
    // [batch * length, dModel] -> the last position of every row, [batch, dModel]
    const d = config.dModel;
    const last =
      length === 1
        ? residual
        : tf.reshape(tf.slice(tf.reshape(residual, [batch, length, d]), [0, length - 1, 0], [batch, 1, d]), [batch, d]);
    const result = head.logits(decoder.norm(last as Tensor2D));
    for (const { keys, values } of cache.values()) {
      tf.keep(keys);
      tf.keep(values);
    }
    return result;
  });
  return { logits, cache };
}

/** A sliding layer's cache is cut back to what the next query can see, once it has grown to twice the window. */
function trimmed({ keys, values }: KeysValues, window: number): KeysValues {
  const [batch, length, kvHeads, headDim] = keys.shape;
  if (window === 0 || length < 2 * window) return { keys, values };
  const kept = window - 1;
  const cut = (x: Tensor4D): Tensor4D => tf.slice(x, [0, length - kept, 0, 0], [batch, kept, kvHeads, headDim]);
  return { keys: cut(keys), values: cut(values) };
}

/** Rotary tables of the new positions, and the keys that are no padding, per attention type (their caches differ in length). */
function stepConstants(config: Gemma4Config, step: PassStep, past: Cache): Record<'sliding' | 'full', TypeConstants> {
  const { batch, length, start, padding } = step;
  const even = padding.every((count) => count === 0);
  const positionRows = even ? 1 : batch;
  const positions = Int32Array.from({ length: positionRows * length }, (_, at) =>
    Math.max(0, start + (at % length) - (padding[Math.floor(at / length)] ?? 0)),
  );
  const ofType = (type: 'sliding' | 'full'): TypeConstants => {
    const layer = config.layers.find((candidate) => candidate.type === type && candidate.donor === undefined);
    const offset = layer === undefined ? 0 : (past.get(layer.index)?.keys.shape[1] ?? 0);
    const keys = offset + length;
    // Key 0 of the cache is position `start - offset` of the padded row.
    const first = start - offset;
    const valid = Float32Array.from({ length: batch * keys }, (_, at) =>
      first + (at % keys) >= (padding[Math.floor(at / keys)] ?? 0) ? 1 : 0,
    );
    return { ...ropeOf(config, type, { positions, positionRows, length }), valid: tf.tensor2d(valid, [batch, keys]), offset };
  };
  return { sliding: ofType('sliding'), full: ofType('full') };
}

function inPaddedCoordinates(override: Override, prompts: readonly Int32Array[], padding: readonly number[]): Override {
  const { row, position } = override;
  const length = prompts[row]?.length ?? 0;
  if (!(position >= 0 && position < length)) {
    throw new NlaError('E_FORWARD_INPUT', {
      message: 'An override lies outside its prompt.',
      found: `row ${row}, position ${position}`,
      expected: `a row below ${prompts.length} and a position below ${length}`,
    });
  }
  return { ...override, position: position + (padding[row] ?? 0) };
}

function release(cache: Cache): void {
  for (const { keys, values } of cache.values()) {
    keys.dispose();
    values.dispose();
  }
}
