import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HostTensor } from '@nlakit/core';
import { plainQuantizer, tf } from '@nlakit/ops';
import { encodeSafetensors } from '@nlakit/safetensors';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGemma4Loader, type Gemma4LoaderOptions } from './loader.js';
import { fixture, floats, maxDifference, readGolden, type GoldenTensor } from './testing/golden.js';
import { goldenIds, logitsOf, lossOf, rowsAt, sequence, tinyModel, tinyTensors } from './testing/tiny-model.js';
import { wordTokenizer } from './testing/word-tokenizer.js';

const golden = readGolden<{ logits: GoldenTensor; loss: number }>('gemma4-tiny.json');
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

async function logitsWith(changed: ReadonlyMap<string, HostTensor>): Promise<Float32Array> {
  const model = await tinyModel({ tensors: changed });
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
