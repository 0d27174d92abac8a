import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostTensor, LoraSpec, RandomStream } from '@nlakit/core';
import { openSafetensors, writeSafetensors } from '@nlakit/safetensors';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasEffect, readAdapter, writeAdapter } from './adapter-folder.js';
import { attach } from './attach.js';
import { createLora, loraParameters, type LoraHost } from './create-lora.js';
import { exactTargets } from './exact-targets.js';
import { parsePeftConfig, peftConfigText } from './peft-config.js';
import { scaleOf } from './spec.js';
import { targetsOf, underOtherPrefix, type Linears } from './targets.js';

const golden = fileURLToPath(new URL('./__fixtures__/adapter', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'nlakit-lora-'));
  await tf.setBackend('cpu');
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const place = (): Promise<string> => mkdtemp(path.join(folder, 'adapter-'));

/** Uniform numbers that only a test needs; the other methods are never asked for. */
function stream(seed = 1): RandomStream {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return { uniform } as RandomStream;
}
const spec: LoraSpec = { rank: 4, alpha: 8, dropout: 0, targets: ['q_proj', 'up_proj'], rankStabilized: false };
const linears: Linears = new Map([
  ['model.layers.0.self_attn.q_proj', [6, 5]],
  ['model.layers.0.self_attn.my_q_proj', [6, 5]],
  ['model.layers.0.mlp.up_proj', [7, 5]],
  ['model.layers.1.self_attn.q_proj', [8, 5]],
]);

describe('targetsOf', () => {
  const names = JSON.parse(readFileSync(new URL('./__fixtures__/gemma4_linear_names.json', import.meta.url), 'utf8')) as string[];
  const gemma: Linears = new Map(names.map((name) => [name, [2, 2]]));

  it('matches whole paths, or path ends after a dot', () => {
    expect(targetsOf(spec, linears)).toEqual([...linears.keys()].filter((name) => !name.includes('my_')));
    expect(targetsOf({ targets: '.*q_proj' }, linears)).toHaveLength(3);
    expect(targetsOf({ targets: '.*\\.q_proj' }, linears)).toHaveLength(2);
    expect(targetsOf({ targets: 'model|model\\.layers\\.1\\..*' }, linears)).toEqual(['model.layers.1.self_attn.q_proj']);
    expect(targetsOf({ targets: ['model.layers.0.mlp.up_proj'] }, linears)).toEqual(['model.layers.0.mlp.up_proj']);
  });

  it("keeps to Gemma 4's text layers with PEFT's default form of expression", () => {
    const found = targetsOf({ targets: '.*language_model\\..*\\.(q_proj|v_proj)' }, gemma);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((name) => name.includes('language_model'))).toBe(true);
    expect(targetsOf({ targets: ['q_proj'] }, gemma).some((name) => name.includes('vision_tower'))).toBe(true);
  });

  it.each(['q_proj', '(', '(?<name>q).*', '\\p{L}+', '[^]*', '.*\\cA', 'all-linear', 'All-Linear', '(?P<n>.*)', ''])(
    'refuses %s',
    (targets) => {
      expect(() => targetsOf({ targets }, linears)).toThrow(expect.objectContaining({ code: 'E_LORA_TARGET' }));
    },
  );

  it.each([[[]], [['']], [['proj']], [['nothing']]])('refuses the list %j', (targets) => {
    expect(() => targetsOf({ targets }, linears)).toThrow(expect.objectContaining({ code: 'E_LORA_TARGET' }));
  });

  it('accepts a look-behind, which both languages have', () => {
    expect(targetsOf({ targets: '.*(?<!my_)q_proj' }, linears)).toHaveLength(2);
  });
});

describe('exactTargets', () => {
  const names = JSON.parse(readFileSync(new URL('./__fixtures__/gemma4_linear_names.json', import.meta.url), 'utf8')) as string[];
  const gemma: Linears = new Map(names.map((name) => [name, [2, 2]]));

  it('matches any choice of linears and nothing else, towers included', () => {
    fc.assert(
      fc.property(fc.subarray(names, { minLength: 1 }), (chosen) => {
        expect(targetsOf({ targets: exactTargets(chosen) }, gemma)).toEqual(chosen);
      }),
    );
  });

  it('folds layers with the same linears', () => {
    const paths = ['0', '1', '10', '2'].flatMap((layer) => [`model.layers.${layer}.mlp.up_proj`, `model.layers.${layer}.self_attn.q_proj`]);
    expect(exactTargets([...paths, 'model.layers.3.self_attn.q_proj', 'lm+head'])).toBe(
      'lm\\+head|model\\.layers\\.(?:0|1|2|10)\\.(?:mlp\\.up_proj|self_attn\\.q_proj)|model\\.layers\\.3\\.self_attn\\.q_proj',
    );
  });
});

describe('createLora', () => {
  it('draws A within its bound, leaves B zero and depends on the stream only', () => {
    const host = createLora(spec, linears, stream());
    expect([...host.pairs.keys()]).toEqual(targetsOf(spec, linears));
    const { a, b } = host.pairs.get('model.layers.0.mlp.up_proj')!;
    expect([a.shape, b.shape]).toEqual([
      [4, 5],
      [7, 4],
    ]);
    expect(b.data.every((value) => value === 0)).toBe(true);
    const drawn = [...host.pairs.values()].flatMap((pair) => [...pair.a.data]);
    expect(Math.max(...drawn.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(5));
    expect(Math.max(...drawn)).toBeGreaterThan(0.35);
    expect(Math.min(...drawn)).toBeLessThan(-0.35);
    expect(createLora(spec, linears, stream())).toEqual(host);
    expect(createLora(spec, linears, stream(2))).not.toEqual(host);
    expect([...loraParameters(host).keys()].slice(0, 2)).toEqual([
      'model.layers.0.self_attn.q_proj.lora_A',
      'model.layers.0.self_attn.q_proj.lora_B',
    ]);
    expect(loraParameters(host).get('model.layers.0.mlp.up_proj.lora_A')).toBe(a.data);
  });

  it('scales by alpha over rank, or over its root', () => {
    expect(scaleOf({ rank: 4, alpha: 8, rankStabilized: false })).toBe(2);
    expect(scaleOf({ rank: 4, alpha: 8, rankStabilized: true })).toBe(4);
  });

  it.each([{ rank: 0 }, { rank: 1.5 }, { alpha: 0 }, { alpha: NaN }, { dropout: 1 }, { dropout: -0.1 }])('refuses %j', (wrong) => {
    expect(() => createLora({ ...spec, ...wrong }, linears, stream())).toThrow(expect.objectContaining({ code: 'E_LORA_SPEC' }));
  });
});

describe('attach', () => {
  it('makes variables that follow the host arrays when told to', () => {
    const host = createLora(spec, linears, stream());
    const before = tf.memory().numTensors;
    const attached = attach(host);
    const other = attach(host);
    expect(attached.variables).toHaveLength(6);
    expect([...attached.adapter.pairs.keys()]).toEqual([...host.pairs.keys()]);
    const name = 'model.layers.0.self_attn.q_proj';
    const { b } = host.pairs.get(name)!;
    b.data[3] = 5;
    const onBackend = attached.adapter.pairs.get(name)!.b;
    expect(onBackend.dataSync()[3]).toBe(0);
    attached.upload();
    expect(onBackend.dataSync()[3]).toBe(5);
    expect(other.adapter.pairs.get(name)!.b.dataSync()[3]).toBe(0);
    expect(attached.byName.get(`${name}.lora_B`)).toBe(onBackend);
    attached.dispose();
    other.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('adapter folders', () => {
  it("reads PEFT's adapter and writes the same tensors and header", async () => {
    const adapter = await readAdapter(golden);
    expect(adapter.spec).toMatchObject({ rank: 4, alpha: 8, dropout: 0, rankStabilized: false });
    expect(adapter.baseModel).toBe('example-org/gemma4-tiny');
    expect(adapter.warnings).toEqual([]);
    expect(adapter.pairs.size).toBe(36);
    const target = await place();
    await writeAdapter(target, { ...adapter, baseModel: adapter.baseModel! });
    const [ours, theirs] = await Promise.all([target, golden].map((one) => readFile(path.join(one, 'adapter_model.safetensors'))));
    expect(Buffer.compare(ours!, theirs!)).toBe(0);
    const [ourConfig, theirConfig] = (
      await Promise.all([target, golden].map((one) => readFile(path.join(one, 'adapter_config.json'), 'utf8')))
    ).map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(Object.keys(ourConfig!)).toEqual(Object.keys(ourConfig!).sort());
    for (const [key, value] of Object.entries(ourConfig!)) expect([key, theirConfig![key]]).toEqual([key, value]);
  });

  it('checks names and shapes against the model, both ways', async () => {
    const { pairs } = await readAdapter(golden);
    const model = new Map([...pairs].map(([name, { a, b }]) => [name, [b.shape[0]!, a.shape[1]!] as const]));
    expect((await readAdapter(golden, model)).pairs).toEqual(pairs);
    const extra = new Map([...model, ['model.language_model.layers.9.mlp.up_proj', [96, 64] as const]]);
    await expect(readAdapter(golden, extra)).rejects.toMatchObject({
      code: 'E_LORA_KEYS',
      message: expect.stringMatching(/missing 2: .*layers\.9\.mlp\.up_proj\.lora_A.*unexpected none/s) as string,
    });
    const fewer = new Map([...model].slice(1));
    await expect(readAdapter(golden, fewer)).rejects.toMatchObject({
      code: 'E_LORA_KEYS',
      message: expect.stringMatching(/missing none; unexpected 2/) as string,
    });
    const textOnly = new Map([...model].map(([name, shape]) => [name.replace('language_model.', ''), shape]));
    await expect(readAdapter(golden, textOnly)).rejects.toMatchObject({ code: 'E_LORA_TARGET' });
    const [first] = model.keys();
    await expect(readAdapter(golden, new Map([...model, [first!, [64, 65] as const]]))).rejects.toMatchObject({ code: 'E_LORA_SHAPE' });
  });

  it('keeps any adapter through a folder', async () => {
    const target = await place();
    const word = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
    const shape = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }));
    const cases = fc.record({
      modules: fc.dictionary(word, shape, { minKeys: 1, maxKeys: 4 }),
      rank: fc.integer({ min: 1, max: 5 }),
      alpha: fc.double({ min: 0.5, max: 64, noNaN: true }),
      dropout: fc.double({ min: 0, max: 0.9, noNaN: true }),
      rankStabilized: fc.boolean(),
      asList: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ modules, asList, ...rest }) => {
        const model = new Map(Object.entries(modules).map(([name, size]) => [`model.${name}`, size as readonly [number, number]]));
        const targets = asList ? Object.keys(modules).sort() : 'model\\..*';
        const host = createLora({ ...rest, targets }, model, stream(3));
        await writeAdapter(target, { ...host, baseModel: 'a/b' });
        const read = await readAdapter(target, model);
        expect(read).toEqual({ ...host, baseModel: 'a/b', warnings: [expect.objectContaining({ code: 'W_LORA_NO_EFFECT' })] });
        const bytes = await readFile(path.join(target, 'adapter_model.safetensors'));
        await writeAdapter(target, { ...read, baseModel: 'a/b' });
        expect(await readFile(path.join(target, 'adapter_model.safetensors'))).toEqual(bytes);
      }),
      { numRuns: 25 },
    );
  });

  it('takes any one of several sets of linears, such as the same ones under the other prefix', async () => {
    const { pairs } = await readAdapter(golden);
    const model: Linears = new Map([...pairs].map(([name, { a, b }]) => [name, [b.shape[0]!, a.shape[1]!] as const]));
    const deeper: Linears = new Map([...model, ['model.language_model.layers.9.mlp.up_proj', [96, 64] as const]]);
    const textOnly = underOtherPrefix(model)!;
    expect([...textOnly.keys()][0]).toMatch(/^model\.layers\.0\./);
    expect(underOtherPrefix(textOnly)).toEqual(model);
    expect(underOtherPrefix(new Map([['lm_head', [2, 2]]]))).toBeUndefined();
    expect((await readAdapter(golden, textOnly, underOtherPrefix(textOnly)!)).pairs).toEqual(pairs);
    expect((await readAdapter(golden, deeper, model)).pairs).toEqual(pairs);
    // What is wrong with the first set is told.
    await expect(readAdapter(golden, deeper, textOnly)).rejects.toMatchObject({ code: 'E_LORA_KEYS' });
  });

  it('tells of an adapter that cannot change an output', async () => {
    const target = await place();
    const codes = async (change: (made: LoraHost) => void): Promise<string[]> => {
      const made = createLora(spec, linears, stream());
      change(made);
      await writeAdapter(target, { ...made, baseModel: 'x/y' });
      return (await readAdapter(target, linears)).warnings.map(({ code }) => code);
    };
    const [one] = createLora(spec, linears, stream()).pairs.keys();
    expect(await codes(() => undefined)).toEqual(['W_LORA_NO_EFFECT']);
    expect(await codes(({ pairs }) => pairs.get(one!)!.b.data.fill(1, 3, 4))).toEqual([]);
    const zeroA = ({ pairs }: LoraHost): void => {
      pairs.get(one!)!.b.data.fill(1);
      pairs.get(one!)!.a.data.fill(0);
    };
    expect(await codes(zeroA)).toEqual(['W_LORA_NO_EFFECT']);
    expect(hasEffect((await readAdapter(golden)).pairs)).toBe(true);
  });

  it('widens bf16', async () => {
    const target = await place();
    const data = Float32Array.of(1, -2, 0.5, 3);
    const entries = ['A', 'B'].map(
      (side) =>
        [`base_model.model.m.lora_${side}.weight`, { dtype: 'BF16' as const, shape: side === 'A' ? [1, 4] : [4, 1], data }] as const,
    );
    await writeSafetensors(path.join(target, 'adapter_model.safetensors'), entries);
    await writeFile(path.join(target, 'adapter_config.json'), peftConfigText({ ...spec, rank: 1, targets: ['m'] }, 'x/y'));
    expect((await readAdapter(target)).pairs.get('m')!.a.data).toEqual(data);
  });

  const host = (): LoraHost => createLora(spec, linears, stream());
  it.each<[string, (names: Map<string, HostTensor>) => void, string]>([
    ['a missing half', (names) => names.delete('base_model.model.model.layers.0.mlp.up_proj.lora_B.weight'), 'E_LORA_KEYS'],
    ['a foreign tensor', (names) => names.set('base_model.model.lm_head.weight', { shape: [1], data: new Float32Array(1) }), 'E_LORA_KEYS'],
    ['no adapter at all', (names) => names.clear(), 'E_LORA_KEYS'],
    [
      'the adapter name left in',
      (names) => {
        const [[name, tensor]] = [...names] as [[string, HostTensor]];
        names.delete(name);
        names.set(name.replace('.weight', '.default.weight'), tensor);
      },
      'E_LORA_KEYS',
    ],
    [
      'another rank',
      (names) => names.set('base_model.model.model.layers.0.mlp.up_proj.lora_A.weight', { shape: [5, 5], data: new Float32Array(25) }),
      'E_LORA_SHAPE',
    ],
  ])('refuses %s', async (_label, change, code) => {
    const target = await place();
    await writeAdapter(target, { ...host(), baseModel: 'x/y' });
    const file = path.join(target, 'adapter_model.safetensors');
    const opened = await openSafetensors(file);
    const tensors = new Map<string, HostTensor>();
    for (const name of opened.names()) tensors.set(name, { shape: opened.tensors.get(name)!.shape, data: await opened.float32(name) });
    await opened.close();
    change(tensors);
    await writeSafetensors(file, tensors);
    await expect(readAdapter(target)).rejects.toMatchObject({ code });
  });

  it('refuses to write a pair that does not fit, and to read a folder without adapter', async () => {
    const target = await place();
    await expect(writeAdapter(target, { ...host(), spec: { ...spec, rank: 3 }, baseModel: 'x/y' })).rejects.toMatchObject({
      code: 'E_LORA_SHAPE',
    });
    await expect(readAdapter(target)).rejects.toMatchObject({ code: 'E_LORA_FOLDER' });
    await writeFile(path.join(target, 'adapter_config.json'), peftConfigText(spec, 'x/y'));
    await expect(readAdapter(target)).rejects.toMatchObject({ code: 'E_SAFETENSORS_OPEN' });
  });
});

describe('adapter_config.json', () => {
  const config = JSON.parse(peftConfigText(spec, 'x/y')) as Record<string, unknown>;
  const parse = (changes: Record<string, unknown>) => parsePeftConfig(JSON.stringify({ ...config, ...changes }), 'adapter_config.json');

  it('needs only what PEFT needs', () => {
    const minimal = parsePeftConfig(
      '{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["a"],"base_model_name_or_path":"x/y","task_type":null}',
      'f',
    );
    expect(minimal.spec).toEqual({ rank: 2, alpha: 4, dropout: 0, targets: ['a'], rankStabilized: false });
  });

  it.each([
    ['alora_invocation_tokens', [1, 2]],
    ['alpha_pattern', { a: 3 }],
    ['arrow_config', { arrow_top_k: 2 }],
    ['bias', 'all'],
    ['bias', 'lora_only'],
    ['exclude_modules', 'x'],
    ['fan_in_fan_out', true],
    ['init_lora_weights', 'corda'],
    ['init_lora_weights', 'loftq'],
    ['init_lora_weights', 'lora_ga'],
    ['init_lora_weights', 'olora'],
    ['init_lora_weights', 'pissa'],
    ['init_lora_weights', 'pissa_niter_16'],
    ['kasa_config', { beta: 1 }],
    ['layer_replication', [[0, 2]]],
    ['layers_to_transform', [0]],
    ['lora_bias', true],
    ['megatron_config', { a: 1 }],
    ['modules_to_save', ['lm_head']],
    ['monteclora_config', { a: 1 }],
    ['rank_pattern', { a: 3 }],
    ['target_parameters', ['experts.weight']],
    ['trainable_token_indices', [1]],
    ['use_bdlora', { blocks: 2 }],
    ['use_dora', true],
    ['use_qalora', true],
    ['velora_config', { a: 1 }],
  ])('refuses %s by name', (name, value) => {
    expect(() => parse({ [name]: value })).toThrow(expect.objectContaining({ code: 'E_LORA_UNSUPPORTED' }));
    expect(() => parse({ [name]: value })).toThrow(name);
  });

  it('takes every field as PEFT writes it by default, without a word', () => {
    const written = JSON.parse(readFileSync(path.join(golden, 'adapter_config.json'), 'utf8')) as object;
    expect(Object.keys(written).length).toBeGreaterThan(35);
    expect(parsePeftConfig(JSON.stringify(written), 'adapter_config.json').warnings).toEqual([]);
  });

  it.each([
    [{ peft_type: 'IA3' }, 'E_LORA_CONFIG'],
    [{ peft_type: undefined }, 'E_LORA_CONFIG'],
    [{ r: '4' }, 'E_LORA_CONFIG'],
    [{ r: 0 }, 'E_LORA_SPEC'],
    [{ target_modules: null }, 'E_LORA_CONFIG'],
    [{ target_modules: [1] }, 'E_LORA_CONFIG'],
    [{ use_rslora: 'yes' }, 'E_LORA_CONFIG'],
  ])('refuses %j', (changes, code) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses what is no object and tells what it ignores', () => {
    for (const text of ['', '[]', 'null', '{'])
      expect(() => parsePeftConfig(text, 'f')).toThrow(expect.objectContaining({ code: 'E_LORA_CONFIG' }));
    expect(parse({ brand_new: 1, brand_new_but_empty: null, rank_pattern: {} }).warnings.map((one) => one.code)).toEqual([
      'W_LORA_UNKNOWN_FIELD',
    ]);
  });
});
