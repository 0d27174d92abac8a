import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openModelFolder, openSafetensors, writeSafetensors, type TensorEntry } from '@nlakit/safetensors';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../index.js';

const plugins = fileURLToPath(new URL('../../../../plugins/', import.meta.url));
const model = join(plugins, 'model-gemma4/src/__fixtures__/gemma4-tiny');
const linear = 'model.language_model.layers.0.self_attn.q_proj.weight';

describe('nla quantize', () => {
  let folder: string;
  const nla = async (
    args: readonly string[],
    signal = new AbortController().signal,
  ): Promise<{ code: number; out: string; error: string }> => {
    let out = '';
    let error = '';
    const io = { terminal: false, interactive: false, color: false, columns: 80, cwd: folder, signal };
    const code = await runCli(args, { ...io, out: (text) => (out += text), error: (text) => (error += text) });
    return { code, out, error };
  };
  const logits = async (name: string, ...more: readonly string[]): Promise<number[][]> => {
    const { code, out } = await nla([
      'inspect',
      'logits',
      '--model',
      name,
      '--tokens',
      '2,5,17,3',
      '--quantizer',
      'nf4',
      '--json',
      ...more,
    ]);
    expect(code).toBe(0);
    return (JSON.parse(out) as { logits: number[][] }).logits;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nla-quantize-'));
  });

  it('writes a folder that is read as it is, and gives the logits of packing while loading', async () => {
    const { code, out, error } = await nla(['quantize', '--model', model, '--out', 'double', '--double-quant', '--json']);
    expect(error).toContain('quantize');
    expect(code).toBe(0);
    const result = JSON.parse(out) as Record<string, number | string>;
    expect(result).toMatchObject({ folder: join(folder, 'double'), quantized: 49 });
    expect(result['bytes']).toBeLessThan(Number(result['sourceBytes']) / 3);
    expect(result['seconds']).toBeGreaterThan(0);
    expect(result['peakBytes']).toBeGreaterThan(2 ** 20);
    // The fixture has a second spelling of its config beside it.
    expect((await readdir(join(folder, 'double'))).sort()).toEqual(['config-published-style.json', 'config.json', 'model.safetensors']);
    expect(await logits('double')).toEqual(await logits(model));
  });

  it('rounds the weights of a bfloat16 checkpoint alike, packed before or while loading', async () => {
    const config = join(model, 'config.json');
    expect((await nla(['fake-checkpoint', '--config', config, '--out', 'halves'])).code).toBe(0);
    expect((await nla(['quantize', '--model', 'halves', '--out', 'halves-nf4', '--double-quant'])).code).toBe(0);
    expect(await logits('halves-nf4')).toEqual(await logits('halves'));
  });

  it.each([
    ['nf4-double', ['--double-quant']],
    ['nf4-single', []],
  ])('writes what transformers writes: %s', async (name, flags) => {
    const out = `golden-${name}`;
    expect((await nla(['quantize', '--model', model, '--out', out, ...flags])).code).toBe(0);
    const written = await openModelFolder(join(folder, out));
    // The reference's file, cut down to three linears.
    const reference = await openSafetensors(join(plugins, `quantizer-nf4/src/__fixtures__/${name}.safetensors`));
    try {
      expect([...reference.names()].length).toBeGreaterThan(9);
      for (const tensor of reference.names()) {
        const [ours, theirs] = [await written.bytes(tensor), await reference.bytes(tensor)];
        expect(`${tensor} ${ours.dtype} ${ours.shape.join()}`).toBe(`${tensor} ${theirs.dtype} ${theirs.shape.join()}`);
        if (tensor.endsWith('quant_state.bitsandbytes__nf4')) {
          // torch sums the mean of the absmax values in another order: the last digit may differ.
          const [state, expected] = [ours, theirs].map(({ data }) => JSON.parse(Buffer.from(data).toString()) as Record<string, unknown>);
          expect({ ...state, nested_offset: 0 }).toEqual({ ...expected, nested_offset: 0 });
          if (flags.length > 0) expect(Math.abs(Number(state?.['nested_offset']) - Number(expected?.['nested_offset']))).toBeLessThan(4e-8);
        } else if (tensor.endsWith('.nested_absmax')) {
          const [own, expected] = [await written.float32(tensor), await reference.float32(tensor)];
          own.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(4e-8));
        } else if (tensor.endsWith('.absmax') && flags.length > 0) {
          // bitsandbytes encodes on a grid here, so that a few codes are the neighbour of the nearest.
          const wrong = ours.data.filter((code, i) => Math.abs(code - (theirs.data[i] ?? -9)) > 1);
          const changed = ours.data.filter((code, i) => code !== theirs.data[i]);
          expect(wrong).toHaveLength(0);
          expect(changed.length).toBeLessThanOrEqual(ours.data.length / 50);
        } else {
          expect(Buffer.compare(ours.data, theirs.data)).toBe(0);
        }
      }
    } finally {
      await Promise.all([written.close(), reference.close()]);
    }
    const configText = await readFile(join(folder, out, 'config.json'), 'utf8');
    // transformers refuses both as whole numbers.
    expect(configText).toMatch(/"final_logit_softcapping": 30\.0,/);
    expect(configText).toMatch(/"llm_int8_threshold": 6\.0,/);
    const config = JSON.parse(configText) as Record<string, unknown>;
    expect(config['quantization_config']).toEqual({
      _load_in_4bit: true,
      _load_in_8bit: false,
      bnb_4bit_compute_dtype: 'float32',
      bnb_4bit_quant_storage: 'uint8',
      bnb_4bit_quant_type: 'nf4',
      bnb_4bit_use_double_quant: flags.length > 0,
      llm_int8_enable_fp32_cpu_offload: false,
      llm_int8_has_fp16_weight: false,
      llm_int8_skip_modules: null,
      llm_int8_threshold: 6,
      load_in_4bit: true,
      load_in_8bit: false,
      quant_method: 'bitsandbytes',
    });
    expect(config).toEqual({
      ...(JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as object),
      quantization_config: config['quantization_config'],
    });
  });

  it('copies other tensors byte for byte, other files, and the modules beside the decoder, which it records', async () => {
    // A bfloat16 checkpoint with a vision tower, a tokenizer and weights in another format beside it.
    const source = join(folder, 'source');
    await mkdir(source);
    const tiny = await openModelFolder(model);
    const entries = new Map<string, TensorEntry>();
    for (const [name, { shape }] of tiny.tensors) entries.set(name, { dtype: 'BF16', shape, data: await tiny.float32(name) });
    await tiny.close();
    entries.set('model.vision_tower.linear.weight', { dtype: 'F16', shape: [2, 64], data: new Float32Array(128).fill(0.5) });
    await writeSafetensors(join(source, 'model.safetensors'), entries, { origin: 'here' });
    const config = { ...(JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as object), added: 1 };
    await writeFile(join(source, 'config.json'), JSON.stringify(config));
    await writeFile(join(source, 'tokenizer_config.json'), '{"x": 1}');
    await writeFile(join(source, 'pytorch_model.bin'), 'weights');
    await mkdir(join(source, 'original'));

    const limit = 100_000;
    const args = ['quantize', '--model', 'source', '--out', 'shards', '--max-shard-bytes', String(limit), '--block-size', '128'];
    const { code, out } = await nla([...args, '--compute-dtype', 'float16', '--json']);
    expect(code).toBe(0);
    const { files } = JSON.parse(out) as { files: string[] };
    expect((await readdir(join(folder, 'shards'))).sort()).toEqual(files);
    expect(files).toContain('model.safetensors.index.json');
    expect(files).toContain('tokenizer_config.json');
    expect(files).not.toContain('pytorch_model.bin');
    expect(files.filter((name) => name.startsWith('model-')).length).toBeGreaterThan(1);
    const index = JSON.parse(await readFile(join(folder, 'shards/model.safetensors.index.json'), 'utf8')) as {
      metadata: { total_size: number };
    };

    const [before, after] = [await openModelFolder(source), await openModelFolder(join(folder, 'shards'))];
    try {
      let size = 0;
      for (const { begin, end } of after.tensors.values()) size += end - begin;
      expect(index.metadata.total_size).toBe(size);
      for (const name of before.names()) {
        if (after.has(`${name}.quant_map`)) continue;
        expect(await after.bytes(name)).toEqual(await before.bytes(name));
      }
      expect(after.metadata).toMatchObject({ format: 'pt', origin: 'here' });
      const state = await after.bytes(`${linear}.quant_state.bitsandbytes__nf4`);
      expect(Buffer.from(state.data).toString()).toBe('{"quant_type": "nf4", "blocksize": 128, "dtype": "bfloat16", "shape": [64, 64]}');
    } finally {
      await Promise.all([before.close(), after.close()]);
    }
    const recorded = JSON.parse(await readFile(join(folder, 'shards/config.json'), 'utf8')) as {
      quantization_config: object;
      added: number;
    };
    expect(recorded.added).toBe(1);
    expect(recorded.quantization_config).toMatchObject({
      bnb_4bit_compute_dtype: 'float16',
      bnb_4bit_use_double_quant: false,
      llm_int8_skip_modules: ['model.vision_tower', 'lm_head'],
    });
    expect((await logits('shards')).flat().every(Number.isFinite)).toBe(true);
  });

  it('refuses wrong input, and leaves nothing where it does', async () => {
    const refused = async (args: readonly string[], code: string, exit = 2, signal?: AbortSignal): Promise<void> => {
      const found = await nla(['quantize', ...args, '--json'], signal);
      expect(JSON.parse(found.out)).toMatchObject({ error: { code } });
      expect(found.code).toBe(exit);
    };
    await refused(['--model', model, '--out', 'double'], 'E_FILE_EXISTS');
    await refused(['--model', model, '--out', 'x', '--block-size', '48'], 'E_USAGE');
    await refused(['--model', model, '--out', 'x', '--compute-dtype', 'int8'], 'E_USAGE');
    await refused(['--model', 'missing', '--out', 'x'], 'E_MODEL_SOURCE');
    await refused(['--model', 'double', '--out', 'x'], 'E_NF4_SOURCE');
    await refused(['--model', model, '--out', 'x'], 'E_INTERRUPTED', 130, AbortSignal.abort());

    await mkdir(join(folder, 'damaged'));
    const tiny = await openModelFolder(model);
    const entries = new Map<string, TensorEntry>();
    for (const [name, { shape }] of tiny.tensors) entries.set(name, { shape, data: await tiny.float32(name) });
    await tiny.close();
    (entries.get(linear)?.data as Float32Array)[70] = NaN;
    await writeSafetensors(join(folder, 'damaged/model.safetensors'), entries);
    await writeFile(join(folder, 'damaged/config.json'), await readFile(join(model, 'config.json')));
    await refused(['--model', 'damaged', '--out', 'x'], 'E_NF4_NOT_FINITE');
    entries.delete(linear);
    await rm(join(folder, 'damaged/model.safetensors'));
    await writeSafetensors(join(folder, 'damaged/model.safetensors'), entries);
    await refused(['--model', 'damaged', '--out', 'x'], 'E_NF4_SOURCE');
    expect((await readdir(folder)).filter((name) => name === 'x' || name.startsWith('.'))).toEqual([]);
  });
});
