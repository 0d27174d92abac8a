import '@tensorflow/tfjs-backend-cpu';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { CheckpointEvent, TrainContext, Trainer, TrainerState, TrainEvent } from '@nlakit/core';
import { writeAdapter } from '@nlakit/lora';
import { tf } from '@nlakit/ops';
import { writeSafetensors } from '@nlakit/safetensors';
import { contractFields, writeModelSidecar } from '@nlakit/sidecar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAdapter } from '../load-adapter.js';
import { readValueHead } from '../value-head.js';
import { fakeContract, fakeStage } from '../__fixtures__/fake-stage.js';
import { createArTrainer } from '../../../../plugins/trainer-ar-sft/src/create-ar-trainer.js';
import { optionsSchema as arOptions } from '../../../../plugins/trainer-ar-sft/src/options.js';
import { createAvTrainer } from '../../../../plugins/trainer-av-sft/src/create-av-trainer.js';
import { optionsSchema } from '../../../../plugins/trainer-av-sft/src/options.js';
import { responseBatch, responseInput, responseLosses } from '../../../../plugins/trainer-av-sft/src/response-loss.js';

const small = { steps: 3, saveEvery: 3, rank: 4, alpha: 8, learningRate: 0.02, microBatch: 4, accumulate: 1, maxLength: 64, healthRows: 0 };
/** Too small to change an f32. */
const still = { learningRate: 1e-30 };

let root = '';
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'nla-parent-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function lastSave(trainer: Trainer, context: TrainContext, resume?: TrainerState): Promise<CheckpointEvent> {
  const all: TrainEvent[] = [];
  for await (const event of trainer.train(context, resume)) all.push(event);
  const save = all.filter((event): event is CheckpointEvent => event.type === 'checkpoint').at(-1);
  if (save === undefined) throw new Error('no checkpoint');
  return save;
}
const av = (options: object = {}) => createAvTrainer(optionsSchema.parse({ ...small, ...options }), root);
const ar = (options: object = {}) => createArTrainer(arOptions.parse({ ...small, ...options }), root);

/** Writes a save as a published folder; its name is relative to `root`. */
async function publish(role: 'av' | 'ar', save: CheckpointEvent, sidecar: object | null = {}): Promise<string> {
  const folder = await mkdtemp(join(root, role));
  await writeAdapter(folder, { spec: save.lora, pairs: save.pairs, baseModel: 'fake/model' });
  for (const [name, tensors] of save.extra) await writeSafetensors(join(folder, `${name}.safetensors`), tensors);
  if (sidecar !== null) {
    const fields = { ...contractFields(fakeContract), role, stage: 'sl', step: save.step, ...sidecar };
    await writeFile(join(folder, 'nla_meta.yaml'), writeModelSidecar(fields));
  }
  return basename(folder);
}

describe('a verbalizer that starts from a published one', () => {
  it.each([{ sidecar: {} }, { sidecar: null }])('computes at step 0 what its parent computes, $sidecar', async ({ sidecar }) => {
    const first = await lastSave(av(), fakeStage());
    const from = await publish('av', first, sidecar);
    const context = fakeStage({ seed: 5 });
    const child = await lastSave(av({ from, ...still, steps: 1, saveEvery: 1 }), context);
    expect(child.pairs).toEqual(first.pairs);
    expect(child.lora).toEqual(first.lora);

    const { model } = context;
    const row = { tokens: Int32Array.from([2, 4, 8, 5, 6, 9, 10, 7, 1]), responseMask: Uint8Array.from([0, 0, 0, 0, 1, 1, 1, 1, 1]) };
    const losses = async (folder: string) => {
      const { adapter, dispose } = await loadAdapter(folder, model.spec);
      model.adapt(adapter);
      const batch = responseBatch([row], 0);
      const tensor = tf.tidy(() => responseLosses(model, model.forward(responseInput(batch, {})), batch));
      const values = [...(await tensor.data())];
      tensor.dispose();
      model.adapt(null);
      dispose();
      return values;
    };
    expect(await losses(join(root, await publish('av', child)))).toEqual(await losses(join(root, from)));

    const parent = {
      name: `${basename(root)}/${from}`,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      step: sidecar === null ? null : 3,
    };
    expect(child.training).toMatchObject({ parent });
    expect(child.parentCheckpoints).toEqual([expect.stringMatching(new RegExp(`^${basename(root)}/${from}@sha256:[0-9a-f]{64}$`))]);
    expect(first.parentCheckpoints).toBeUndefined();
  });

  it('goes on from there, and resumes bit for bit', async () => {
    const from = await publish('av', await lastSave(av(), fakeStage()));
    const whole = await lastSave(av({ from, steps: 4, saveEvery: 4 }), fakeStage());
    const half = await lastSave(av({ from, steps: 4, saveEvery: 4 }), fakeStage({ untilStep: 2 }));
    const rest = await lastSave(av({ from, steps: 4, saveEvery: 4 }), fakeStage(), half.state);
    expect(rest.pairs).toEqual(whole.pairs);
    expect(rest.training).toEqual(whole.training);
    const other = await publish('av', await lastSave(av({ steps: 1, saveEvery: 1 }), fakeStage()));
    await copyFile(join(root, other, 'adapter_model.safetensors'), join(root, from, 'adapter_model.safetensors'));
    await expect(lastSave(av({ from, steps: 4, saveEvery: 4 }), fakeStage(), half.state)).rejects.toMatchObject({ code: 'E_RESUME_STATE' });
    await expect(lastSave(av({ steps: 4, saveEvery: 4 }), fakeStage(), half.state)).rejects.toMatchObject({ code: 'E_RESUME_STATE' });
  });

  it('refuses a parent of another form or another contract, ahead of training too', async () => {
    const save = await lastSave(av(), fakeStage());
    const from = await publish('av', save);
    for (const options of [{ rank: 5, alpha: 8 }, { alpha: 16 }, { rankStabilized: true }, { targets: ['q_proj'] }]) {
      await expect(lastSave(av({ from, ...options }), fakeStage())).rejects.toMatchObject({ code: 'E_PARENT_ADAPTER' });
      await expect(av({ from, ...options }).check?.(fakeStage())).rejects.toMatchObject({ code: 'E_PARENT_ADAPTER' });
    }
    const scaled = await publish('av', save, { injectionScale: 20 });
    await expect(lastSave(av({ from: scaled }), fakeStage())).rejects.toMatchObject({
      code: 'E_PARENT_ADAPTER',
      details: { found: 'other values of injectionScale' },
    });
    const [path, pair] = [...save.pairs][0] ?? [];
    if (path === undefined || pair === undefined) throw new Error('no pair');
    const missing = await publish('av', { ...save, pairs: new Map([[path, pair]]) });
    await expect(lastSave(av({ from: missing }), fakeStage())).rejects.toMatchObject({ code: 'E_LORA_KEYS' });
    const wide = { a: { shape: [4, 20], data: new Float32Array(80) }, b: pair.b };
    const shaped = await publish('av', { ...save, pairs: new Map([...save.pairs, [path, wide]]) });
    await expect(lastSave(av({ from: shaped }), fakeStage())).rejects.toMatchObject({ code: 'E_LORA_SHAPE' });
    await expect(lastSave(av({ from: 'nowhere' }), fakeStage())).rejects.toMatchObject({ code: 'E_LORA_FOLDER' });
  });
});

describe('a reconstructor that starts from a published one', () => {
  it('takes adapter and head over', async () => {
    const first = await lastSave(ar(), fakeStage());
    const from = await publish('ar', first, { injectionScale: null });
    const child = await lastSave(ar({ from, ...still, steps: 1, saveEvery: 1 }), fakeStage({ seed: 5 }));
    expect(child.pairs).toEqual(first.pairs);
    expect(child.extra).toEqual(first.extra);
    expect((await readValueHead(join(root, from), 16)).weight).toEqual(first.extra.get('value_head')?.get('weight')?.data);
    expect(child.parentCheckpoints).toHaveLength(1);
  });

  it('refuses a verbalizer, and a head with a bias', async () => {
    const first = await lastSave(ar(), fakeStage());
    const wrong = await publish('av', await lastSave(av({ targets: ['q_proj'] }), fakeStage()));
    await expect(lastSave(ar({ from: wrong, targets: ['q_proj'] }), fakeStage())).rejects.toMatchObject({ code: 'E_LORA_KEYS' });
    const swapped = await publish('av', first);
    await expect(lastSave(ar({ from: swapped }), fakeStage())).rejects.toMatchObject({ code: 'E_SIDECAR_ROLE' });
    const head = first.extra.get('value_head')?.get('weight') ?? { shape: [], data: new Float32Array() };
    const bias = { shape: [16], data: new Float32Array(16).fill(0.1) };
    const biased = await publish('ar', {
      ...first,
      extra: new Map([
        [
          'value_head',
          new Map([
            ['weight', head],
            ['bias', bias],
          ]),
        ],
      ]),
    });
    await expect(lastSave(ar({ from: biased }), fakeStage())).rejects.toMatchObject({ code: 'E_PARENT_ADAPTER' });
  });
});
