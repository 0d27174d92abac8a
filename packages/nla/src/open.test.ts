import '@tensorflow/tfjs-backend-cpu';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostTensor, LoraSpec, NlaContract } from '@nlakit/core';
import { peftConfigText, writeAdapter } from '@nlakit/lora';
import { tf } from '@nlakit/ops';
import { writeSafetensors } from '@nlakit/safetensors';
import { contractFields, writeModelSidecar } from '@nlakit/sidecar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { fakeContract, fakeInjector, fakeRows } from './__fixtures__/fake-stage.js';
import { lastTokenHidden } from './last-token-hidden.js';
import { loadAdapter } from './load-adapter.js';
import { openReconstructor } from './reconstructor.js';
import { roundTrip } from './round-trip.js';
import { readValueHead } from './value-head.js';
import { openVerbalizer } from './verbalizer.js';

let folder = '';
const targets = 'model\\.layers\\.[01]\\.self_attn\\.q_proj';
const spec: LoraSpec = { rank: 2, alpha: 4, dropout: 0, targets, rankStabilized: false };

beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'nla-open-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function matrix(rows: number, columns: number, value: (row: number, column: number) => number): HostTensor {
  return {
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, (_, at) => value(Math.floor(at / columns), at % columns)),
  };
}

async function writeStep(
  role: 'av' | 'ar',
  contract: NlaContract = fakeContract,
  head = matrix(16, 16, (row, column) => (row === column ? 2 : 0)),
) {
  const target = await mkdtemp(join(folder, role));
  const pairs = new Map(
    [0, 1].map((layer) => [
      `model.layers.${layer}.self_attn.q_proj`,
      { a: matrix(2, 16, (row, column) => 0.1 * (row + column)), b: matrix(16, 2, (row) => 0.3 * row) },
    ]),
  );
  await writeAdapter(target, { spec, pairs, baseModel: contract.baseModel });
  if (role === 'ar') await writeSafetensors(join(target, 'value_head.safetensors'), new Map([['weight', head]]));
  await writeFile(join(target, 'nla_meta.yaml'), writeModelSidecar({ ...contractFields(contract), role, stage: 'sl', step: 5 }));
  return target;
}

const vectors = fakeRows(3).map(({ vector }) => vector);

describe('openVerbalizer', () => {
  it('refuses an adapter that lacks a tensor its targets name, as PEFT does not', async () => {
    const lacking = await writeStep('av');
    await rm(join(lacking, 'adapter_config.json'));
    await writeFile(join(lacking, 'adapter_config.json'), peftConfigText({ ...spec, targets: ['q_proj'] }, fakeContract.baseModel));
    await expect(openVerbalizer({ folder: lacking, model: fakeModel(), injector: fakeInjector() })).rejects.toMatchObject({
      code: 'E_LORA_KEYS',
      message: expect.stringContaining('missing 2: base_model.model.model.layers.2.self_attn.q_proj') as string,
    });
  });

  it('takes contract and scale from the sidecar, uses the adapter, and leaves nothing behind', async () => {
    const model = fakeModel();
    const before = tf.memory().numTensors;
    const verbalizer = await openVerbalizer({
      folder: await writeStep('av', { ...fakeContract, injectionScale: 2.5 }),
      model,
      injector: fakeInjector(),
    });
    expect(verbalizer.contract.injectionScale).toBe(2.5);
    expect(verbalizer.sidecar.step).toBe(5);
    const rows = await verbalizer.explain(vectors, { maxNewTokens: 4 });
    expect(rows).toHaveLength(3);
    expect(Math.hypot(...(model.calls[0]?.overrides?.[0]?.vector as Float32Array))).toBeCloseTo(2.5, 5);
    expect(model.adapted[0]?.pairs.size).toBe(2);
    expect(model.adapted.at(-1)).toBeNull();
    verbalizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a sidecar that does not fit the model, and a reconstructor', async () => {
    const injector = fakeInjector();
    const wrong = await writeStep('av', { ...fakeContract, tokens: { ...fakeContract.tokens, leftNeighborId: 3 } });
    await expect(openVerbalizer({ folder: wrong, model: fakeModel(), injector })).rejects.toMatchObject({ code: 'E_CONTRACT_SLOT' });
    await expect(openVerbalizer({ folder: await writeStep('av'), model: fakeModel(8), injector })).rejects.toMatchObject({
      code: 'E_CONTRACT_MODEL',
    });
    await expect(openVerbalizer({ folder: await writeStep('ar'), model: fakeModel(), injector })).rejects.toMatchObject({
      code: 'E_SIDECAR_ROLE',
    });
  });
});

describe('openReconstructor', () => {
  it('applies the head to the last token, and takes turns with a verbalizer on one model', async () => {
    const model = fakeModel();
    const reconstructor = await openReconstructor({ folder: await writeStep('ar'), model });
    const doubled = await reconstructor.reconstruct(['topic', 'food']);
    const plain = await openReconstructor({
      folder: await writeStep(
        'ar',
        fakeContract,
        matrix(16, 16, (row, column) => (row === column ? 1 : 0)),
      ),
      model,
    });
    const [single] = await plain.reconstruct(['topic']);
    single?.forEach((value, at) => expect(doubled[0]?.[at]).toBeCloseTo(2 * value, 4));

    const verbalizer = await openVerbalizer({ folder: await writeStep('av'), model, injector: fakeInjector() });
    const alone = await roundTrip({ verbalizer, reconstructor }, vectors, { maxNewTokens: 4 });
    const [again, texts] = await Promise.all([
      verbalizer.explain(vectors, { maxNewTokens: 4 }),
      reconstructor.reconstruct(alone.map(({ explanation }) => explanation ?? '')),
    ]);
    expect(again.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
    expect(texts).toEqual(alone.map(({ reconstruction }) => reconstruction));
    expect(alone.every(({ cosine }) => Math.abs(cosine) <= 1)).toBe(true);
    for (const part of [reconstructor, plain, verbalizer]) part.dispose();
  });

  it('does not hand on a prediction that is not finite', async () => {
    const broken = matrix(16, 16, (row, column) => (row === 3 && column === 5 ? Number.NaN : 0));
    const reconstructor = await openReconstructor({ folder: await writeStep('ar', fakeContract, broken), model: fakeModel() });
    await expect(reconstructor.reconstruct(['topic'])).rejects.toMatchObject({ code: 'E_RECONSTRUCTION_VALUE' });
    reconstructor.dispose();
  });

  it('refuses a head of another shape and a verbalizer', async () => {
    const model = fakeModel();
    await expect(
      openReconstructor({
        folder: await writeStep(
          'ar',
          fakeContract,
          matrix(8, 16, () => 0),
        ),
        model,
      }),
    ).rejects.toMatchObject({
      code: 'E_VALUE_HEAD',
    });
    await expect(openReconstructor({ folder: await writeStep('av'), model })).rejects.toMatchObject({ code: 'E_SIDECAR_ROLE' });
  });
});

describe('published reconstructors', () => {
  const torchHead = fileURLToPath(new URL('./__fixtures__/torch/linear_head.pt', import.meta.url));

  /** The layout of the SolshineCode releases: adapter and `linear_head.pt`; the sidecar states what their card does. */
  async function writeSolshine(truncation: string): Promise<string> {
    const target = await writeStep('ar');
    await rm(join(target, 'value_head.safetensors'));
    await copyFile(torchHead, join(target, 'linear_head.pt'));
    await writeFile(
      join(target, 'nla_meta.yaml'),
      [
        'kind: nla_model',
        'role: critic',
        'version: v0.0.1',
        'base_model: fake/model',
        'extraction: {d_model: 16, layer: 1, injection_scale: sqrt_d_model, mse_scale: sqrt_d_model}',
        'tokens: {injection_token_id: 8, injection_left_neighbor_id: 4, injection_right_neighbor_id: 5}',
        'ar_lora: {r: 2, alpha: 4}',
        truncation,
        '',
      ].join('\n'),
    );
    return target;
  }
  const supplement = { injectionChar: '㊗', avTemplate: fakeContract.templates.av, arTemplate: fakeContract.templates.ar };

  it.each([
    ['stated in the sidecar', 'ar: {truncation: 1}', {}],
    ['given beside it', '', { truncation: 1 }],
  ])('read the block before their target, through a head with bias: %s', async (_, line, options) => {
    const model = fakeModel();
    const before = tf.memory().numTensors;
    const folderOf = await writeSolshine(line);
    const reconstructor = await openReconstructor({ folder: folderOf, model, supplement, ...options });
    expect(reconstructor.sidecar.dialect).toBe('solshine');
    const [prediction] = await reconstructor.reconstruct(['topic']);
    expect(model.calls.at(-1)).toMatchObject({ stopAfterBlock: 0 });

    // The same by hand: hidden state after block 0 at the last token of the AR prompt, times W, plus b.
    const adapter = await loadAdapter(folderOf, model.spec, 1);
    model.adapt(adapter.adapter);
    const prompt = model.tokenizer.encode('<bos><explanation>topic</explanation><concept>', { special: false });
    const hidden = lastTokenHidden(model, [prompt], 0);
    const h = await hidden.data();
    const { weight, bias } = await readValueHead(folderOf, 16);
    prediction?.forEach((value, row) => {
      let expected = bias?.[row] ?? Number.NaN;
      for (let column = 0; column < 16; column++) expected += (weight[row * 16 + column] ?? 0) * (h[column] ?? 0);
      expect(value).toBeCloseTo(expected, 5);
    });
    model.adapt(null);
    hidden.dispose();
    adapter.dispose();
    reconstructor.dispose();
    expect(tf.memory().numTensors).toBe(before);

    const deeper = await openReconstructor({ folder: await writeSolshine('ar: {truncation: 2}'), model, supplement });
    expect((await deeper.reconstruct(['topic']))[0]).not.toEqual(prediction);
    deeper.dispose();
  });

  it('need the prompts that their sidecar leaves out, and a depth that the model has', async () => {
    const model = fakeModel();
    await expect(openReconstructor({ folder: await writeSolshine(''), model })).rejects.toMatchObject({ code: 'E_SIDECAR_INCOMPLETE' });
    await expect(openReconstructor({ folder: await writeSolshine('ar: {truncation: 18}'), model, supplement })).rejects.toMatchObject({
      code: 'E_RECONSTRUCTOR_DEPTH',
    });
  });

  it('of kitft have no adapter: the model is the reconstructor', async () => {
    const target = await writeStep('ar');
    await rm(join(target, 'adapter_config.json'));
    const own = join(target, 'nla_meta.yaml');
    const text = await readFile(own, 'utf8');
    await expect(openReconstructor({ folder: target, model: fakeModel() })).rejects.toMatchObject({ code: 'E_LORA_FOLDER' });
    const elsewhere = join(folder, 'kitft.yaml');
    const kitft = text.replace(/^created_by:.*$/m, 'created_by: nla.train_critic');
    await writeFile(elsewhere, kitft);
    const model = fakeModel();
    // The model has three blocks: such a reconstructor was trained for the output of the last.
    await expect(openReconstructor({ folder: target, model, sidecarFile: elsewhere })).rejects.toMatchObject({ code: 'E_CONTRACT_LAYERS' });
    await writeFile(elsewhere, kitft.replace(/^extraction_layer_index: 1$/m, 'extraction_layer_index: 2'));
    const reconstructor = await openReconstructor({ folder: target, model, sidecarFile: elsewhere });
    expect(reconstructor.sidecar.dialect).toBe('kitft-release');
    expect(await reconstructor.reconstruct(['topic'])).toHaveLength(1);
    expect(model.adapted[0]).toBeNull();
    reconstructor.dispose();
  });

  it('pass on what their adapter configuration says and nobody knows', async () => {
    const target = await writeStep('ar');
    const config = join(target, 'adapter_config.json');
    const fields = JSON.parse(await readFile(config, 'utf8')) as object;
    await writeFile(config, JSON.stringify({ ...fields, brand_new: 3 }));
    const reconstructor = await openReconstructor({ folder: target, model: fakeModel() });
    expect(reconstructor.warnings).toMatchObject([{ code: 'W_LORA_UNKNOWN_FIELD' }]);
    reconstructor.dispose();
  });
});
