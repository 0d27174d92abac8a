import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isNlaError, type HostTensor, type JsonValue, type NamedTensors } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { decodeBf16, decodeF16, encodeBf16, encodeF16, encodeSafetensors } from '@nlakit/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseGemma4Config } from './config.js';
import { createGemma4, describeGemma4 } from './gemma4-model.js';
import { deadTensors, gemma4Inventory } from './inventory.js';
import { createGemma4Loader } from './loader.js';
import { floats, maxDifference, noTokenizer, readGolden, tinyConfig, type GoldenTensor } from './testing/golden.js';
import { logitsOf, sequence, tinyModel, tinyTensors } from './testing/tiny-model.js';
import { wordTokenizer } from './testing/word-tokenizer.js';

const expected = floats(readGolden<{ logits: GoldenTensor }>('gemma4-tiny.json').logits);
const quantizer = plainQuantizer({ dtype: 'f32' });
const prefix = 'model.language_model.';
let tensors: Map<string, HostTensor>;
let root: string;

beforeAll(async () => {
  await tf.setBackend('cpu');
  tensors = await tinyTensors();
  root = await mkdtemp(path.join(tmpdir(), 'gemma4-loading-'));
});
afterAll(() => rm(root, { recursive: true }));

type Entries = ReadonlyMap<string, { shape: readonly number[]; data: Float32Array | Uint8Array; dtype?: 'BF16' | 'F16' }>;

/** A model folder: weights in one file, or in three with an index that the names are dealt out to. */
async function modelFolder(name: string, config: object, entries: Entries, layout: 'single' | 'sharded' = 'single'): Promise<string> {
  const folder = path.join(root, name);
  await mkdir(folder);
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(wordTokenizer()));
  if (layout === 'single') {
    await writeFile(path.join(folder, 'model.safetensors'), encodeSafetensors(entries));
    return folder;
  }
  const shards = Array.from({ length: 3 }, (_, index) => `model-0000${index + 1}-of-00003.safetensors`);
  const weightMap = Object.fromEntries([...entries.keys()].map((key, index) => [key, shards[index % shards.length] ?? '']));
  for (const shard of shards) {
    const members = new Map([...entries].filter(([key]) => weightMap[key] === shard));
    await writeFile(path.join(folder, shard), encodeSafetensors(members));
  }
  await writeFile(path.join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: weightMap }));
  return folder;
}

async function loadedLogits(folder: string): Promise<Float32Array> {
  const before = tf.memory().numTensors;
  const model = await createGemma4Loader({ source: folder, quantizer }).load();
  const logits = logitsOf(model, sequence);
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return logits;
}

/** All combinations of one value for each key. */
function combinations<Choices extends Record<string, readonly string[]>>(
  choices: Choices,
): { [Key in keyof Choices]: Choices[Key][number] }[] {
  return Object.entries(choices).reduce<Record<string, string>[]>(
    (found, [key, values]) => found.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  ) as { [Key in keyof Choices]: Choices[Key][number] }[];
}

describe('every way to publish the same model loads as the same model', () => {
  const matrix = combinations({
    nesting: ['text_config', 'flat'],
    stem: ['model.language_model.', 'model.'],
    shared: ['dead keys and values, vision tensors', 'only what is used'],
    head: ['lm_head', 'tied'],
    layout: ['single', 'sharded'],
  } as const);

  // That both spellings of the configuration mean the same is shown where they are parsed; here every other combination has the other.
  const spellings = ['config.json', 'config-published-style.json'] as const;

  it.each(matrix.map((one, index) => [Object.values(one).join(', '), one, index] as const))('%s', async (_, one, index) => {
    const odd = [...index.toString(2)].filter((digit) => digit === '1').length % 2;
    const nested = tinyConfig(spellings[odd]);
    const config = one.nesting === 'flat' ? (nested['text_config'] as Record<string, JsonValue>) : nested;
    const entries = new Map([...tensors].map(([name, tensor]) => [name.replace(prefix, one.stem), tensor]));
    if (one.head === 'lm_head') entries.set('lm_head.weight', tensors.get(`${prefix}embed_tokens.weight`) as HostTensor);
    if (one.shared !== 'only what is used') {
      // Nobody may read them: what is read shows.
      const poison: HostTensor = { shape: [16, 64], data: new Float32Array(16 * 64).fill(NaN) };
      for (const name of deadTensors(parseGemma4Config(config))) entries.set(one.stem + name, poison);
      for (const part of ['vision_tower', 'audio_tower', 'embed_vision', 'embed_audio'])
        entries.set(`model.${part}.x.linear.weight`, poison);
    }
    const folder = await modelFolder(`matrix-${index}`, config, entries, one.layout);
    expect(maxDifference(await loadedLogits(folder), expected)).toBeLessThan(3e-4);
  });

  it.each(['BF16', 'F16'] as const)('stored in %s, it is the model with its values rounded', async (dtype) => {
    const [encode, decode] = dtype === 'BF16' ? [encodeBf16, decodeBf16] : [encodeF16, decodeF16];
    const halves = new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, halves: encode(data) }]));
    const stored = new Map(
      [...halves].map(([name, { shape, halves: values }]) => [
        name,
        { shape, dtype, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) },
      ]),
    );
    const rounded = new Map([...halves].map(([name, { shape, halves: values }]) => [name, { shape, data: decode(values) }]));
    const model = await tinyModel({ tensors: rounded });
    const logits = logitsOf(model, sequence);
    model.dispose();
    expect(await loadedLogits(await modelFolder(dtype, tinyConfig(), stored))).toEqual(logits);
    expect(maxDifference(logits, expected)).toBeGreaterThan(1e-3);
  });

  it('a head that differs in one value is refused, in one file and in several', async () => {
    const table = tensors.get(`${prefix}embed_tokens.weight`) as HostTensor;
    const data = table.data.slice();
    data[data.length - 1] = 0;
    const entries = new Map([...tensors, ['lm_head.weight', { shape: table.shape, data }]]);
    for (const layout of ['single', 'sharded'] as const) {
      const folder = await modelFolder(`head-${layout}`, tinyConfig(), entries, layout);
      await expect(loadedLogits(folder)).rejects.toThrow(expect.objectContaining({ code: 'E_MODEL_UNSUPPORTED' }));
    }
  });
});

/** `google/gemma-4-E4B`: every sixth layer full, the last 18 of 42 without keys and values of their own, one width for all. */
const e4b: Record<string, JsonValue> = {
  model_type: 'gemma4_text',
  hidden_size: 2560,
  intermediate_size: 10240,
  num_hidden_layers: 42,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  num_kv_shared_layers: 18,
  use_double_wide_mlp: false,
  final_logit_softcapping: 30,
};
/** The same with every width divided. */
const e4bReduced: Record<string, JsonValue> = {
  ...e4b,
  hidden_size: 80,
  intermediate_size: 320,
  head_dim: 8,
  global_head_dim: 16,
  hidden_size_per_layer_input: 8,
  vocab_size: 50,
  vocab_size_per_layer_input: 50,
  sliding_window: 4,
};

/** Some weights for any configuration. */
function someTensors(config: Record<string, JsonValue>): Map<string, HostTensor> {
  let state = 1;
  const draw = (): number => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const made = new Map<string, HostTensor>();
  for (const [name, { role, shape }] of gemma4Inventory(parseGemma4Config(config))) {
    const amplitude = Math.sqrt(3 / (shape[1] ?? 1));
    const data = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () =>
      role === 'vector' ? 0.8 + 0.2 * draw() : amplitude * draw(),
    );
    made.set(prefix + name, { shape, data });
  }
  return made;
}

describe('other sizes of the family', () => {
  it('E4B has the layers, donors and tensors of the published model', () => {
    const config = parseGemma4Config(e4b);
    expect(config.layers.filter(({ type }) => type === 'full').map(({ index }) => index)).toEqual([5, 11, 17, 23, 29, 35, 41]);
    expect(new Set(config.layers.slice(24).map(({ type, donor }) => `${type} ${donor}`))).toEqual(new Set(['sliding 22', 'full 23']));
    expect(new Set(config.layers.map(({ feedForward }) => feedForward))).toEqual(new Set([10240]));
    expect(new Set(config.layers.map(({ type, headDim, kvHeads }) => `${type} ${headDim} ${kvHeads}`))).toEqual(
      new Set(['sliding 256 2', 'full 512 2']),
    );
    // A conversion of the published file counts 719 tensors beside its rotary table.
    expect(gemma4Inventory(config).size + deadTensors(config).size).toBe(719);
    expect(describeGemma4(e4b, prefix).linears.get(`${prefix}layers.23.self_attn.k_proj`)).toEqual([1024, 2560]);
  });

  it('E4B, reduced, runs: borrowed keys and values come from blocks 22 and 23, and decoding equals the pass', async () => {
    const folder = await modelFolder('e4b', e4bReduced, someTensors(e4bReduced), 'sharded');
    const model = await createGemma4Loader({ source: folder, quantizer }).load();
    const logits = logitsOf(model, sequenceOf(7));
    expect(logits.every(Number.isFinite)).toBe(true);
    tf.tidy(() => {
      let state: NamedTensors = {};
      for (const segment of model.segments(sequenceOf(7)).slice(0, 26)) state = segment.run(state);
      expect(Object.keys(state).filter((key) => key.endsWith('.keys'))).toEqual(['blocks.22.keys', 'blocks.23.keys']);
    });
    const steps: Float32Array[] = [];
    const ids: number[] = [];
    for await (const step of model.generate({ prompts: [sequenceOf(3).tokens], maxNewTokens: 3, stopIds: [], logits: true })) {
      steps.push(step.logits as Float32Array);
      ids.push(step.ids[0] ?? -1);
    }
    const tokens = Int32Array.of(...sequenceOf(3).tokens, ...ids.slice(0, -1));
    const full = logitsOf(model, { tokens, batch: 1, length: tokens.length });
    steps.forEach((step, index) => expect(maxDifference(step, full.subarray((2 + index) * 50, (3 + index) * 50))).toBeLessThan(1e-3));
    model.dispose();
  });

  it('key/value heads may differ between layers, where per_layer_config says so', () => {
    const text = tinyConfig()['text_config'] as Record<string, JsonValue>;
    const config = parseGemma4Config({
      ...text,
      per_layer_config: { 2: { head_dim: 32, num_key_value_heads: 2 }, 5: { head_dim: 32, num_key_value_heads: 2 } },
    });
    expect(config.layers.map(({ headDim, kvHeads }) => `${headDim}/${kvHeads}`)).toEqual(['16/1', '16/1', '32/2', '16/1', '16/1', '32/2']);
    expect(gemma4Inventory(config).get('layers.2.self_attn.k_proj.weight')?.shape).toEqual([64, 64]);
  });

  it.each([
    ['mixture of experts', { enable_moe_block: true, num_experts: 128, top_k_experts: 8 }, 'enable_moe_block'],
    ['values made from keys', { attention_k_eq_v: true, num_global_key_value_heads: 4 }, 'attention_k_eq_v'],
    ['no per-layer embeddings', { hidden_size_per_layer_input: 0 }, 'hidden_size_per_layer_input'],
    ['an output layer of its own', { tie_word_embeddings: false }, 'tie_word_embeddings'],
  ])('%s: refused by the name of the field, with the file, before any weight is read', async (what, change, field) => {
    const text = tinyConfig()['text_config'] as Record<string, JsonValue>;
    const folder = await modelFolder(what, { ...tinyConfig(), text_config: { ...text, ...change } }, new Map());
    const loader = createGemma4Loader({ source: folder, quantizer });
    for (const attempt of [() => loader.describe(), () => loader.load()]) {
      const error: unknown = await attempt().catch((reason: unknown) => reason);
      if (!isNlaError(error)) throw new Error(`no NlaError: ${String(error)}`);
      expect(error.code).toBe('E_MODEL_UNSUPPORTED');
      expect(error.details).toMatchObject({ kind: 'input', file: path.join(folder, 'config.json') });
      expect(error.details.found).toContain(field);
    }
  });
});

describe('the embedding scale', () => {
  it('of E2B is 39.1918 in f32 and 39.25 in bf16', () => {
    const config = { ...e4b, hidden_size: 1536 };
    expect(describeGemma4(config, prefix).embeddingScale).toBe(Math.fround(Math.sqrt(1536)));
    expect(describeGemma4(config, prefix, { scaleDtype: 'bf16' }).embeddingScale).toBe(39.25);
  });

  it('multiplies the rows of the table, once, in the precision asked for', async () => {
    // The root of 48 is 6.928; bf16 has 6.9375.
    const config = { ...e4bReduced, hidden_size: 48, num_hidden_layers: 6, num_kv_shared_layers: 0 };
    const made = someTensors(config);
    const table = made.get(`${prefix}embed_tokens.weight`)?.data ?? new Float32Array();
    for (const [scaleDtype, scale] of [
      ['f32', Math.fround(Math.sqrt(48))],
      ['bf16', 6.9375],
    ] as const) {
      const model = await createGemma4({ config, tensors: made, tokenizer: noTokenizer, quantizer, scaleDtype });
      expect(model.spec.embeddingScale).toBe(scale);
      expect(await model.embed(Int32Array.of(7))).toEqual(table.slice(7 * 48, 8 * 48).map((value) => value * scale));
      model.dispose();
    }
  });
});

/** A pass over the first ids above the special ones. */
function sequenceOf(length: number): { tokens: Int32Array; batch: number; length: number } {
  return { tokens: Int32Array.from({ length }, (_, index) => (index === 0 ? 2 : 4 + ((index * 7) % 40))), batch: 1, length };
}
