import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HostTensor, JsonValue } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { encodeSafetensors } from '@nlakit/safetensors';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGemma4Loader, type Gemma4LoaderOptions } from './loader.js';
import { fixture, floats, maxDifference, readGolden, tinyConfig, type GoldenTensor } from './testing/golden.js';
import { goldenIds, logitsOf, lossOf, rowsAt, sequence, tinyModel, tinyTensors } from './testing/tiny-model.js';
import { syntheticTensors } from './testing/synthetic-weights.js';

const golden = readGolden<{ logits: GoldenTensor; loss: number; kv_heads_2: { logits: GoldenTensor; loss: number } }>('gemma4-tiny.json');
const expected = floats(golden.logits);
const prefix = 'model.language_model.';
const quantizer = plainQuantizer({ dtype: 'f32' });
let tensors: Map<string, HostTensor>;
let folder: string;

beforeAll(async () => {
  await tf.setBackend('cpu');
  tensors = await tinyTensors();
  folder = await mkdtemp(path.join(tmpdir(), 'gemma4-'));
  await cp(fixture('gemma4-tiny'), path.join(folder, 'sharded'), { recursive: true });
  await writeFile(path.join(folder, 'sharded', 'tokenizer.json'), JSON.stringify(wordTokenizer()));
  await cp(path.join(folder, 'sharded'), path.join(folder, 'single'), {
    recursive: true,
    filter: (name) => !path.basename(name).includes('safetensors'),
  });
  await writeFile(path.join(folder, 'single', 'model.safetensors'), encodeSafetensors(tensors));
});
afterAll(() => rm(folder, { recursive: true }));

/** A tokenizer of 97 words, to stand beside the tiny weights. */
function wordTokenizer(): object {
  const words = ['<pad>', '<eos>', '<bos>', '<unk>', ...Array.from({ length: 93 }, (_, index) => `w${index}`)];
  return {
    version: '1.0',
    added_tokens: words.slice(0, 4).map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: '<unk>' },
  };
}

async function logitsWith(
  changed: ReadonlyMap<string, HostTensor>,
  config: Record<string, JsonValue> = tinyConfig(),
): Promise<Float32Array> {
  const model = await tinyModel({ tensors: changed, config });
  const logits = logitsOf(model, sequence);
  model.dispose();
  return logits;
}

describe('checkpoints', () => {
  it('are read sharded and whole, from a folder relative to the base folder, and leave nothing behind', async () => {
    for (const source of ['sharded', './single']) {
      const before = tf.memory().numTensors;
      const loader = createGemma4Loader({ source, baseFolder: folder, quantizer });
      const described = await loader.describe();
      const model = await loader.load();
      expect(model.spec).toEqual(described);
      expect(described).toMatchObject({
        name: path.basename(source),
        dModel: 64,
        layers: 6,
        vocabularySize: 97,
        parameters: 275_766,
        embeddingScale: 8,
      });
      expect(described.linears.get(`${prefix}layers.2.self_attn.o_proj`)).toEqual([64, 128]);
      expect(described.linears.has(`${prefix}layers.3.self_attn.k_proj`)).toBe(false);
      expect(maxDifference(logitsOf(model, sequence), expected)).toBeLessThan(3e-4);
      expect(model.tokenizer.encode('w1 w2', { special: true })).toEqual(Int32Array.of(2, 5, 6));
      model.dispose();
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it('give the same logits and hidden gradient with both tables left on disk', async () => {
    const load = (options: Partial<Gemma4LoaderOptions>) =>
      createGemma4Loader({ source: 'sharded', baseFolder: folder, quantizer, ...options }).load();
    const model = await load({});
    const lean = await load({ residentBytes: { embedding: 0, perLayerEmbedding: 0 } });
    expect(maxDifference(logitsOf(lean, sequence), logitsOf(model, sequence))).toBeLessThan(1e-6);
    expect(await lean.embed(goldenIds)).toEqual(await model.embed(goldenIds));
    tf.tidy(() => {
      const hidden = rowsAt(model.forward(sequence).final ?? tf.zeros([1, 1, 1]), [0, 1, 2, 3]);
      const targets = Int32Array.of(5, 17, 96, 3);
      const gradient = (head: typeof model.head) =>
        tf
          .grad((h) => tf.sum(head.crossEntropy(h as Tensor2D, targets)))(hidden)
          .dataSync();
      expect(maxDifference(gradient(lean.head), gradient(model.head))).toBeLessThan(1e-5);
    });
    const loss = lossOf(lean, sequence);
    expect(Math.abs((loss.dataSync()[0] ?? NaN) - golden.loss)).toBeLessThan(2e-5);
    loss.dispose();
    lean.dispose();
    model.dispose();
  });

  it('are read with either prefix, dead keys and values, vision tensors and a repeated head', async () => {
    const renamed = new Map([...tensors].map(([name, tensor]) => [name.replace(prefix, 'model.'), tensor]));
    expect(maxDifference(await logitsWith(renamed, tinyConfig()['text_config'] as Record<string, JsonValue>), expected)).toBeLessThan(3e-4);

    const dead: HostTensor = { shape: [16, 64], data: new Float32Array(16 * 64).fill(NaN) };
    const published = new Map([
      ...tensors,
      [`${prefix}layers.3.self_attn.k_proj.weight`, dead],
      [`${prefix}layers.3.self_attn.v_proj.weight`, dead],
      [`${prefix}layers.3.self_attn.k_norm.weight`, dead],
      ['model.vision_tower.x.linear.weight', dead],
      ['lm_head.weight', tensors.get(`${prefix}embed_tokens.weight`) as HostTensor],
    ]);
    expect(maxDifference(await logitsWith(published), expected)).toBeLessThan(3e-4);
  });

  it('are refused when a tensor is missing, unexpected, of another shape, or the head differs', async () => {
    const without = new Map(tensors);
    without.delete(`${prefix}layers.1.self_attn.k_proj.weight`);
    await expect(logitsWith(without)).rejects.toThrow(/lacks tensors[^]*layers\.1\.self_attn\.k_proj/);
    const [some] = tensors.values();
    await expect(logitsWith(new Map([...tensors, [`${prefix}layers.1.surprise`, some as HostTensor]]))).rejects.toThrow(/surprise/);
    await expect(logitsWith(new Map([...tensors, [`${prefix}norm.weight`, { shape: [63], data: new Float32Array(63) }]]))).rejects.toThrow(
      /\[63\]/,
    );
    const table = tensors.get(`${prefix}embed_tokens.weight`) as HostTensor;
    const head = { shape: table.shape, data: table.data.slice().fill(0, 0, 1) };
    await expect(logitsWith(new Map([...tensors, ['lm_head.weight', head]]))).rejects.toThrow(/output layer of its own/);
    await expect(logitsWith(new Map())).rejects.toThrow(expect.objectContaining({ code: 'E_MODEL_TENSOR' }));
  });

  it('that do not exist are an error that lists what was tried', async () => {
    const load = (source: string) => createGemma4Loader({ source, baseFolder: folder, quantizer }).load();
    await expect(load('google/gemma-4-E2B')).rejects.toThrow(/nla pull google\/gemma-4-E2B/);
    await expect(load('@nlakit/no-such-package')).rejects.toThrow(/npm package @nlakit\/no-such-package[^]*not installed/);
    await expect(createGemma4Loader({ source: 'single', baseFolder: folder, quantizer, layer: 6 }).describe()).rejects.toThrow(/0 to 5/);
  });
});

describe('the generator of the golden weights', () => {
  it('makes the checkpoint', () => {
    const made = syntheticTensors(tinyConfig());
    expect([...made.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { data }] of made) expect(data, name).toEqual(tensors.get(name)?.data);
  });

  it('makes the variant with two key/value heads, which gives the logits of transformers', async () => {
    const text = { ...(tinyConfig()['text_config'] as Record<string, JsonValue>), num_key_value_heads: 2 };
    const config = { ...tinyConfig(), text_config: text };
    const model = await tinyModel({ config, tensors: syntheticTensors(config) });
    expect(model.spec.parameters).toBe(283_958);
    expect(maxDifference(logitsOf(model, sequence), floats(golden.kv_heads_2.logits))).toBeLessThan(3e-4);
    const loss = lossOf(model, sequence);
    expect(Math.abs((loss.dataSync()[0] ?? NaN) - golden.kv_heads_2.loss)).toBeLessThan(2e-5);
    loss.dispose();
    model.dispose();
  });
});

describe('one wrong detail shows in the logits', () => {
  const text = (change: Record<string, JsonValue>): Record<string, JsonValue> => ({
    ...tinyConfig(),
    text_config: { ...(tinyConfig()['text_config'] as Record<string, JsonValue>), ...change },
  });
  const rope = (tinyConfig()['text_config'] as { rope_parameters: Record<string, Record<string, JsonValue>> }).rope_parameters;

  it.each([
    ['window 3', text({ sliding_window: 3 }), 3],
    ['window 5', text({ sliding_window: 5 }), 4],
    ['full rotation', text({ rope_parameters: { ...rope, full_attention: { ...rope['full_attention'], partial_rotary_factor: 1 } } }), 0.3],
    ['no softcap', text({ final_logit_softcapping: null }), 0.01],
    ['epsilon 1e-5', text({ rms_norm_eps: 1e-5 }), 0.005],
  ])('%s', async (_, config, atLeast) => {
    expect(maxDifference(await logitsWith(tensors, config), expected)).toBeGreaterThan(atLeast);
  });

  it('no layer scalars', async () => {
    const ones = new Map(
      [...tensors].map(([name, tensor]) => [name, name.endsWith('layer_scalar') ? { shape: [1], data: Float32Array.of(1) } : tensor]),
    );
    expect(maxDifference(await logitsWith(ones), expected)).toBeGreaterThan(4);
  });

  it('keys and values of their own in the shared layers', async () => {
    const config = text({ num_kv_shared_layers: 0, use_double_wide_mlp: false, intermediate_size: 96 });
    const own = new Map<string, HostTensor>();
    for (const [name, { shape, data }] of syntheticTensors(config)) own.set(name, { shape, data });
    // Same weights wherever the shared model has them; only the donors are gone. Its wide layers are cut in both.
    const cut = new Map(tensors);
    for (const [name, tensor] of own) if (name.includes('.mlp.')) cut.set(name, tensor);
    for (const name of own.keys()) if (cut.has(name)) own.set(name, cut.get(name) as HostTensor);
    const shared = await logitsWith(cut, text({ use_double_wide_mlp: false }));
    expect(maxDifference(await logitsWith(own, config), shared)).toBeGreaterThan(1);
  });
});

it('the embedding scale can be held in bf16', async () => {
  const model = await tinyModel({ scaleDtype: 'bf16' });
  expect(model.spec.embeddingScale).toBe(8);
  model.dispose();
});

describe('a folder with unusable files', () => {
  const load = (source: string) => createGemma4Loader({ source, baseFolder: folder, quantizer }).load();

  it('is refused for a missing tokenizer or a cut config.json', async () => {
    await expect(load(fixture('gemma4-tiny'))).rejects.toThrow(expect.objectContaining({ code: 'E_TOKENIZER' }));
    await cp(path.join(folder, 'single'), path.join(folder, 'cut'), { recursive: true });
    await writeFile(path.join(folder, 'cut', 'config.json'), '{"model_type": "gem');
    await expect(load('cut')).rejects.toThrow(expect.objectContaining({ code: 'E_MODEL_CONFIG' }));
  });

  it('is refused if its linears are stored quantised and the quantizer is not theirs', async () => {
    const packed = new Map<string, { shape: readonly number[]; data: Float32Array | Uint8Array }>(tensors);
    packed.set(`${prefix}layers.0.mlp.up_proj.weight`, { shape: [3072, 1], data: new Uint8Array(3072) });
    packed.set(`${prefix}layers.0.mlp.up_proj.weight.absmax`, { shape: [96], data: new Float32Array(96) });
    await cp(path.join(folder, 'single'), path.join(folder, 'packed'), { recursive: true });
    await writeFile(path.join(folder, 'packed', 'model.safetensors'), encodeSafetensors(packed));
    await expect(load('packed')).rejects.toThrow(expect.objectContaining({ code: 'E_MODEL_STORED_QUANTIZED' }));
  });
});
